//! The command line as a user meets it, without a cluster: exit code, standard output and standard error
//! together. Nothing here depends on the machine.

mod bad_input;
mod canary;
mod cluster;
mod completion;
mod global;
mod help;
mod lab;
mod lab_plan;
mod load;
mod make;
mod replay;
mod report;
mod run;
mod simulate;
mod version;
