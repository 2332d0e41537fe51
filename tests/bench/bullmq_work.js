// One BullMQ Worker process whose processor does nothing: bullmq_work.js FOLDER PORT JOBS CONCURRENCY
// FOLDER holds node_modules. Takes JOBS waiting jobs of the queue and removes each when it is done, as finished jobs of ours
// leave the queue. Prints the milliseconds from the start of the worker to the last job done; starting node and
// connecting do not count.
'use strict';
const path = require('path');
const [folder, port, jobs, concurrency] = process.argv.slice(2);
const { Worker } = require(path.join(folder, 'node_modules', 'bullmq'));

async function main() {
	let done = 0;
	const worker = new Worker('ocr', async () => {}, {
		connection: { host: '127.0.0.1', port: Number(port) },
		concurrency: Number(concurrency),
		autorun: false,
		removeOnComplete: { count: 0 },
	});
	await worker.waitUntilReady();
	const started = process.hrtime.bigint();
	const all = new Promise((resolve, reject) => {
		worker.on('completed', () => {
			done += 1;
			if (done === Number(jobs)) {
				resolve();
			}
		});
		worker.on('failed', (job, error) => reject(error));
		worker.on('error', reject);
	});
	worker.run();
	await all;
	console.log((Number(process.hrtime.bigint() - started) / 1e6).toFixed(1));
	await worker.close();
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
