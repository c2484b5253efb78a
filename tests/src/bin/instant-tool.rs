//! A stand-in for an ACL tool that takes no time: what is left of a commit is acl-server's own.
#![expect(clippy::print_stdout, reason = "it stands in for a program that prints")]

fn main() {
    println!("done.");
}
