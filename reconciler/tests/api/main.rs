//! The HTTP API of a real reconciler, over the network, and the command line that asks it.

#[cfg(test)]
mod command_line;
#[cfg(test)]
mod declarations;
#[cfg(test)]
mod document;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod foresight;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod operate;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod start;
#[cfg(test)]
mod tokens;
