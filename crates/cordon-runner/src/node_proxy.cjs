// Sends https requests of Node programs through HTTPS_PROXY by CONNECT. Node's own agents, and so
// the AWS SDK for JavaScript, do not read that variable. Loaded by NODE_OPTIONS=--require.
'use strict';
const http = require('http');
const https = require('https');
const tls = require('tls');

const address = process.env.HTTPS_PROXY || process.env.https_proxy;
const direct = (process.env.NO_PROXY || process.env.no_proxy || '').split(',').map((name) => name.trim());

if (address) {
  const proxy = new URL(address);
  const connectDirectly = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function createConnection(options, callback) {
    const host = options.host || options.hostname;
    if (typeof callback !== 'function' || direct.includes(host)) {
      return connectDirectly.call(this, options, callback);
    }
    const target = `${host}:${options.port || 443}`;
    const request = http.request({
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      headers: { Host: target },
      agent: false,
    });
    request.once('error', callback);
    request.once('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        callback(new Error(`the proxy refused to connect to ${target}: ${response.statusCode}`));
        return;
      }
      callback(null, tls.connect({ ...options, socket, servername: options.servername || host }));
    });
    request.end();
    return undefined;
  };
}
