//! Who listens to which channel.
//!
//! Side tables that any thread may read: a publisher leaves a message in the box of each
//! subscriber, whose own thread writes it out. Shard channels have a table of their own: the same
//! name means another channel there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::RwLock;

use super::{ClientShared, Mail};
use crate::base::{Slot, glob};
use crate::cluster::ClusterView;
use crate::resp::Value;

/// What a connection subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    Channel,
    Pattern,
    ShardChannel,
}

/// What one connection has subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shard_channels: BTreeSet<Bytes>,
}

impl Subscriptions {
    #[must_use]
    pub fn of(&self, medium: Medium) -> &BTreeSet<Bytes> {
        match medium {
            Medium::Channel => &self.channels,
            Medium::Pattern => &self.patterns,
            Medium::ShardChannel => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, medium: Medium) -> &mut BTreeSet<Bytes> {
        match medium {
            Medium::Channel => &mut self.channels,
            Medium::Pattern => &mut self.patterns,
            Medium::ShardChannel => &mut self.shard_channels,
        }
    }

    /// The number that a (un)subscription's message tells: channels and patterns together, shard
    /// channels by themselves.
    #[must_use]
    pub fn count(&self, medium: Medium) -> usize {
        match medium {
            Medium::Channel | Medium::Pattern => self.channels.len() + self.patterns.len(),
            Medium::ShardChannel => self.shard_channels.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty()
    }

    /// Forgets a shard channel that its node no longer serves; whether it was subscribed.
    pub fn forget_shard_channel(&mut self, channel: &[u8]) -> bool {
        self.shard_channels.remove(channel)
    }
}

type Subscribers = Vec<Arc<ClientShared>>;

/// All subscriptions of all connections.
#[derive(Debug, Default)]
pub struct PubSub {
    channels: DashMap<Bytes, Subscribers>,
    shard_channels: DashMap<Bytes, Subscribers>,
    patterns: RwLock<Vec<(Bytes, Subscribers)>>,
}

impl PubSub {
    /// Subscribes a connection; false if it was already.
    pub fn subscribe(
        &self,
        medium: Medium,
        name: &Bytes,
        own: &mut Subscriptions,
        client: &Arc<ClientShared>,
    ) -> bool {
        if !own.of_mut(medium).insert(name.clone()) {
            return false;
        }
        match self.table(medium) {
            Some(table) => table.entry(name.clone()).or_default().push(Arc::clone(client)),
            None => {
                let mut patterns = self.patterns.write();
                match patterns.iter_mut().find(|(pattern, _)| pattern == name) {
                    Some((_, subscribers)) => subscribers.push(Arc::clone(client)),
                    None => patterns.push((name.clone(), vec![Arc::clone(client)])),
                }
            }
        }
        true
    }

    /// Ends a subscription; false if there was none.
    pub fn unsubscribe(
        &self,
        medium: Medium,
        name: &[u8],
        own: &mut Subscriptions,
        client: &ClientShared,
    ) -> bool {
        if !own.of_mut(medium).remove(name) {
            return false;
        }
        let others = |subscribers: &mut Subscribers| subscribers.retain(|one| one.id != client.id);
        match self.table(medium) {
            Some(table) => {
                if let Some(mut subscribers) = table.get_mut(name) {
                    others(&mut subscribers);
                }
                table.remove_if(name, |_, subscribers| subscribers.is_empty());
            }
            None => {
                let mut patterns = self.patterns.write();
                if let Some((_, subscribers)) =
                    patterns.iter_mut().find(|(pattern, _)| pattern == name)
                {
                    others(subscribers);
                }
                patterns.retain(|(_, subscribers)| !subscribers.is_empty());
            }
        }
        true
    }

    /// Ends all subscriptions of a connection that goes.
    pub fn leave(&self, own: &mut Subscriptions, client: &ClientShared) {
        for medium in [Medium::Channel, Medium::Pattern, Medium::ShardChannel] {
            for name in own.of(medium).clone() {
                self.unsubscribe(medium, &name, own, client);
            }
        }
    }

    /// The table of channels; patterns are a list.
    fn table(&self, medium: Medium) -> Option<&DashMap<Bytes, Subscribers>> {
        match medium {
            Medium::Channel => Some(&self.channels),
            Medium::ShardChannel => Some(&self.shard_channels),
            Medium::Pattern => None,
        }
    }

    /// Whether nobody listens to anything but shard channels.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.channels.is_empty() && self.patterns.read().is_empty()
    }

    /// Leaves a message with every subscriber of a channel and of a pattern that matches it;
    /// `deliver` may take it instead. How many there are.
    pub fn publish(
        &self,
        channel: &Bytes,
        payload: &Bytes,
        mut deliver: impl FnMut(&Arc<ClientShared>, Arc<Value>),
    ) -> usize {
        let mut count = 0;
        if let Some(subscribers) = self.channels.get(channel) {
            let message = message(b"message", &[channel, payload]);
            subscribers.iter().for_each(|client| deliver(client, Arc::clone(&message)));
            count += subscribers.len();
        }
        for (pattern, subscribers) in self.patterns.read().iter() {
            if glob::matches(pattern, channel, false) {
                let message = message(b"pmessage", &[pattern, channel, payload]);
                subscribers.iter().for_each(|client| deliver(client, Arc::clone(&message)));
                count += subscribers.len();
            }
        }
        count
    }

    /// As [`PubSub::publish`], for shard channels.
    pub fn publish_to_shard(
        &self,
        channel: &Bytes,
        payload: &Bytes,
        mut deliver: impl FnMut(&Arc<ClientShared>, Arc<Value>),
    ) -> usize {
        let Some(subscribers) = self.shard_channels.get(channel) else {
            return 0;
        };
        let message = message(b"smessage", &[channel, payload]);
        subscribers.iter().for_each(|client| deliver(client, Arc::clone(&message)));
        subscribers.len()
    }

    /// Ends the subscriptions to the shard channels of slots that this node does not serve.
    pub fn drop_shard_channels(&self, view: &ClusterView) {
        let is_served = |slot| {
            let owner = view.owner(slot);
            owner.is_some() && (owner == Some(view.me) || owner == view.my_primary)
        };
        let lost: Vec<Bytes> = self
            .shard_channels
            .iter()
            .map(|entry| entry.key().clone())
            .filter(|channel| !is_served(Slot::of(channel)))
            .collect();
        for channel in lost {
            let (_, subscribers) = self.shard_channels.remove(&channel).unwrap_or_default();
            for client in subscribers {
                client.post(Mail::ShardChannelGone(channel.clone()));
            }
        }
    }

    /// Channels with a subscriber whose names match, in no order.
    #[must_use]
    pub fn channels(&self, shard: bool, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let table = if shard { &self.shard_channels } else { &self.channels };
        let names = table.iter().map(|entry| entry.key().clone());
        names
            .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name, false)))
            .collect()
    }

    /// Subscribers of a channel, those of patterns not counted.
    #[must_use]
    pub fn subscribers(&self, shard: bool, channel: &[u8]) -> usize {
        let table = if shard { &self.shard_channels } else { &self.channels };
        table.get(channel).map_or(0, |subscribers| subscribers.len())
    }

    /// Distinct patterns subscribed to.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.patterns.read().len()
    }

    /// Channels with a subscriber: global ones and those of shards.
    #[must_use]
    pub fn channel_counts(&self) -> (usize, usize) {
        (self.channels.len(), self.shard_channels.len())
    }
}

/// Leaves a message in the subscriber's box.
pub fn post(client: &Arc<ClientShared>, message: Arc<Value>) {
    client.post(Mail::Push(message));
}

fn message(kind: &'static [u8], parts: &[&Bytes]) -> Arc<Value> {
    let kind = Value::Bulk(Bytes::from_static(kind));
    let parts = parts.iter().map(|&part| Value::Bulk(part.clone()));
    Arc::new(Value::Push(std::iter::once(kind).chain(parts).collect()))
}
