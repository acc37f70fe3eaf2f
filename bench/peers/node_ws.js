// SPDX-License-Identifier: MIT
//
// The same on node's ws, without compression: node node_ws.js PORT

const paths = [__dirname, "/usr/share/nodejs", ...(process.env.NODE_PATH || "").split(":")];
const { WebSocketServer } = require(require.resolve("ws", { paths }));
const server = new WebSocketServer({
  port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096, perMessageDeflate: false, clientTracking: true,
});

server.on("connection", (ws) => {
  ws.on("message", (data, binary) => {
    if (data[0] !== 42) ws.send(data, { binary });
    else for (const each of server.clients) each.send(data, { binary });
  });
  ws.on("error", () => {});
});
