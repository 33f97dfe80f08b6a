document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("codec-router-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage may be closed to files */ }
