pub mod child;
pub mod http;
pub mod load;
pub mod ports;
pub mod tools;
pub mod wait;
