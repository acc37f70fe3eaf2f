// SPDX-License-Identifier: MIT
// A UDP echo server.   node node_udp.js PORT
const socket = require("dgram").createSocket("udp4");
socket.on("message", (data, peer) => socket.send(data, peer.port, peer.address));
socket.bind(Number(process.argv[2] || 7000), "127.0.0.1");
