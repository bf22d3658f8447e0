import './.config/jest-setup';

import { configure } from '@testing-library/react';

// A busy machine is no reason to fail.
jest.setTimeout(30_000);
configure({ asyncUtilTimeout: 10_000 });

// What Grafana's own libraries say on every run would hide what the tests say.
const LIBRARIES = /made possible by our own product, Locize|as an argument to getItemProps is not supported/;
jest.spyOn(console, 'info').mockImplementation(quietly(console.info));
jest.spyOn(console, 'warn').mockImplementation(quietly(console.warn));

function quietly(say) {
  return (...args) => LIBRARIES.test(String(args[0])) || say(...args);
}

// jsdom matches every rule of every style sheet for each element that is asked about, which takes most of
// the time of a test. No test here is about style sheets.
window.getComputedStyle = (element) => element.style;

// What Grafana's lists need of a browser and jsdom has not: they measure their options on a canvas,
// look which of them are in sight, and draw only as many as there is room for.
HTMLCanvasElement.prototype.getContext = () => ({ measureText: (text) => ({ width: text.length * 8 }) });
global.IntersectionObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
for (const size of ['clientWidth', 'clientHeight']) {
  Object.defineProperty(HTMLElement.prototype, size, { configurable: true, value: 400 });
}
