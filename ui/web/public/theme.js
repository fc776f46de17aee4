// Sets the chosen theme and contrast before the first paint. A file of its own, because inline scripts are forbidden here.
try {
  const theme = localStorage.getItem('clew.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const contrast = localStorage.getItem('clew.contrast');
  if (contrast === 'more' || contrast === 'normal')
    document.documentElement.dataset.contrast = contrast;
} catch {
  // Storage is closed to this page: the system's theme holds.
}
