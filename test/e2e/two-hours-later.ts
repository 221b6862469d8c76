/** Loaded into a server before anything else: its wall clock is two hours ahead. What measures leases is another clock. */
const now = Date.now.bind(Date);
Date.now = () => now() + 2 * 3_600_000;
