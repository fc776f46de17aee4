//! The page: `index.html` made to fit the address it was asked under, or a text where the pages were not built.

/// What `index.html` says of its folder; see `ui/web/index.html`.
const BASE: &str = "<base href=\"./\"";

/// Shown instead of the pages where they were not built.
pub(crate) const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Clew</title>\n\
<h1>The pages are not built into this binary</h1>\n\
<p>Run <code>make ui</code> and build again. The APIs on this port work without them.</p></html>\n";

/// The page for an address of this depth: all paths in it are relative to its `<base>`, which leads up to the folder of
/// the pages. Relative, so that it holds under any prefix.
pub(crate) fn with_base(index: &str, depth: usize) -> String {
    if depth == 0 {
        return index.to_owned();
    }
    index.replacen(BASE, &format!("<base href=\"{}\"", "../".repeat(depth)), 1)
}

/// Folders that `path` (with its leading slash) lies deep: 0 for `/explore`, 1 for `/trace/abc`.
pub(crate) fn depth(path: &str) -> usize {
    path.bytes()
        .filter(|&byte| byte == b'/')
        .count()
        .saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_leads_up_to_the_folder_of_the_pages() {
        let index = "<head><base href=\"./\" /><script src=\"./a.js\"></script>";
        for (path, base) in [
            ("/", "./"),
            ("/explore", "./"),
            ("/trace/abc", "../"),
            ("/zipkin/traces/abc", "../../"),
        ] {
            let page = with_base(index, depth(path));
            assert!(
                page.contains(&format!("<base href=\"{base}\" />")),
                "{path}: {page}"
            );
            assert!(page.contains("src=\"./a.js\""));
        }
    }
}
