"use strict";
// Pages are whole without this script; it sorts and filters their tables, and draws anew what is still being measured.

if (window.self !== window.top) document.documentElement.classList.add("framed");
