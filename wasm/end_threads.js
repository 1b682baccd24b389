// Ends the pool's workers for good: the WASI-NN module lives in a thread that goes on without it. There from the first
// moment, so that workers which never start can be ended too. Without threads, nothing.
Module["endThreads"] = () => {
  if (typeof PThread == "object") PThread.terminateAllThreads();
};
