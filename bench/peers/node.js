// SPDX-License-Identifier: MIT
//
// The same echo server on node: node node.js PORT

const net = require("net");
const connections = new Set();

net.createServer({ noDelay: true }, (socket) => {
  connections.add(socket);
  socket.on("data", (data) => {
    if (data[0] !== 42) socket.write(data);
    else for (const each of connections) each.write(data);
  });
  socket.on("close", () => connections.delete(socket));
  socket.on("error", () => {});
}).listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
