// A bare process: says that it is there, then what it holds when it idles, and ends when it is let go.
setTimeout(() => process.send({ bytes: process.memoryUsage.rss() }), Number(process.argv[2]))
process.send('ready')
