//! What people and programs are told.

pub mod json;
pub mod live;
pub mod table;
