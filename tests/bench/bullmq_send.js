// BullMQ's addBulk with the payloads of a file of job lines: bullmq_send.js FOLDER PORT FILE
// FOLDER holds node_modules. 500 jobs a call and eight calls under way, as filot-enqueue does; a job's key, if it has one, is BullMQ's
// jobId, which makes it idempotent there. Prints the milliseconds from the first call to the last answer; starting node,
// reading the file and connecting do not count.
'use strict';
const fs = require('fs');
const path = require('path');
const [folder, port, file] = process.argv.slice(2);
const { Queue } = require(path.join(folder, 'node_modules', 'bullmq'));

const BATCH = 500;
const UNDER_WAY = 8;

async function main() {
	const jobs = fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => {
		const data = JSON.parse(line);
		return { name: 'ocr', data, opts: { jobId: data.key } };
	});
	const queue = new Queue('ocr', { connection: { host: '127.0.0.1', port: Number(port) } });
	await queue.waitUntilReady();
	let next = 0;
	const started = process.hrtime.bigint();
	const send = async () => {
		while (next < jobs.length) {
			const batch = jobs.slice(next, next + BATCH);
			next += BATCH;
			await queue.addBulk(batch);
		}
	};
	await Promise.all(Array.from({ length: UNDER_WAY }, send));
	const ms = Number(process.hrtime.bigint() - started) / 1e6;
	const waiting = await queue.getWaitingCount();
	if (waiting !== jobs.length) {
		throw new Error(`${waiting} of ${jobs.length} jobs are there`);
	}
	console.log(ms.toFixed(1));
	await queue.close();
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
