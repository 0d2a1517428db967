//! What a test measures, and how it is summed up.

pub mod cpu;
pub mod drops;
pub mod histogram;
pub mod memory;
pub mod quantile;
