// Brings the parts of a page that are marked data-live up to date until the page says that nothing changes any more.
// Without it, a reload shows the same.
(() => {
  "use strict";
  const SOON = 5000, LATE = 60000;
  let wait = SOON;

  const live = () => document.querySelectorAll("[data-live]");
  const again = () => { if (live().length) setTimeout(look, wait); };

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { cache: "no-cache", headers: { Accept: "text/html" } });
        if (!answer.ok) throw new Error(answer.status);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of live()) take(part, page.getElementById(part.id));
        wait = SOON;
      } catch {
        wait = Math.min(2 * wait, LATE);
      }
    }
    again();
  }

  // What somebody stands on with the keyboard is left as it is for now.
  function take(part, newer) {
    const ends = !newer || !("live" in newer.dataset);
    if (part.contains(document.activeElement)) return;
    if (newer && newer.innerHTML !== part.innerHTML) part.replaceChildren(...newer.childNodes);
    if (ends) delete part.dataset.live;
  }

  again();
})();
