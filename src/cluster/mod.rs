//! L4: the cluster as a machine without I/O: bus frames, membership, failure detection, slot ownership.
pub mod flags;
pub mod frame;
pub mod link;
pub mod node;
pub mod nodes_conf;
pub mod table;
