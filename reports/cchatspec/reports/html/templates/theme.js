(function () {
  var root = document.documentElement;
  root.classList.add("js");
  try { var kept = localStorage.getItem("cchatspec-theme"); if (kept === "dark" || kept === "light") root.dataset.theme = kept; } catch (e) { /* storage is off: the system's choice stands */ }
})();
