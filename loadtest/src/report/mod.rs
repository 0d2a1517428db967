//! What people and programs are told.

pub mod html;
pub mod json;
pub mod live;
pub mod ratios;
pub mod table;
