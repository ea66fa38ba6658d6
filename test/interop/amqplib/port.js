// port -- two tests of the suite connect without saying where, and mean port 5672 of this machine;
// here that is the daemon's port. (They build the options out of the URL's query; a URL with a
// query would spoil a third test.)
'use strict';

const net = require('net');
const connect = net.connect;

net.connect = function (options, ...rest) {
  if (options && options.port === 5672 && !options.host)
    options = { ...options, host: '127.0.0.1', port: Number(process.env.PORT) };
  return connect(options, ...rest);
};
