// Takes transforms and does nothing with them: a worker that hangs while it loads.
export {};
