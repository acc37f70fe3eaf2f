// SPDX-License-Identifier: MIT
//
// The same echo server on node's tls: node node_tls.js CERTIFICATE KEY PORT

const fs = require("fs");
const tls = require("tls");

const [certificate, key, port] = process.argv.slice(2);
const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key), noDelay: true };

tls.createServer(options, (socket) => {
  socket.on("data", (data) => socket.write(data));
  socket.on("error", () => {});
}).listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
