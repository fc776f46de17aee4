//! Tells Cargo to embed the pages anew when they were built anew. Never builds them: that takes Node.

fn main() {
    // A folder that is missing would make Cargo run this, and compile everything above it, on every build.
    if let Err(error) = std::fs::create_dir_all("dist") {
        println!(
            "cargo:warning=ui/dist cannot be made ({error}): every build embeds the pages anew"
        );
    }
    println!("cargo:rerun-if-changed=dist");
    println!("cargo:rerun-if-changed=build.rs");
}
