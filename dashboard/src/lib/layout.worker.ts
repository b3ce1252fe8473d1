// Layout off the page's own thread: hundreds of tasks take a while, and the page stays quick.

import { layout, type Shape } from "./layout";

self.onmessage = ({ data }: MessageEvent<{ turn: number; shape: Shape }>) => {
  self.postMessage({ turn: data.turn, placed: layout(data.shape) });
};
