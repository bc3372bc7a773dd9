//! Rare cases told one by one, on the same world.
