#![doc = include_str!("../README.md")]

pub mod case;
pub mod devices;
pub mod kinds;
pub mod report;
pub mod runner;
