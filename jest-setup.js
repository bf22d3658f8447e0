import './.config/jest-setup';

import { configure } from '@testing-library/react';

// A busy machine is no reason to fail.
jest.setTimeout(30_000);
configure({ asyncUtilTimeout: 10_000 });

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
