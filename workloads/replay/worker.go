package replay

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// worker is a node's one compute thread. It runs the jobs it is given in their order; inference
// sessions are opened by jobs too, so that the threads ONNX Runtime starts inherit the thread's cgroup
// and nice value.
type worker struct {
	tid     int
	jobs    *mailbox[func()]
	stopped chan struct{}
}

// startWorker starts the thread. nice is its nice value; 0 leaves it as it is.
func startWorker(nice int) (*worker, error) {
	jobs, err := newMailbox[func()]()
	if err != nil {
		return nil, err
	}
	w := &worker{jobs: jobs, stopped: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(w.stopped)
		// Never unlocked: the thread ends with its goroutine, and its cgroup and nice value with it.
		runtime.LockOSThread()
		w.tid = unix.Gettid()
		err := beNice(nice)
		started <- err
		if err == nil {
			w.run()
		}
	}()
	if err := <-started; err != nil {
		jobs.close()
		return nil, err
	}
	return w, nil
}

func (w *worker) run() {
	for {
		if err := w.jobs.wait(); err != nil {
			return // the mailbox is open while this thread runs: cannot happen
		}
		for _, job := range w.jobs.take() {
			if job == nil {
				return
			}
			job()
		}
	}
}

// post queues a job.
func (w *worker) post(job func()) { w.jobs.post(job) }

// call runs a job and waits for its result, or for the context to end; the job runs all the same then.
func (w *worker) call(ctx context.Context, job func() error) error {
	result := make(chan error, 1)
	w.post(func() { result <- job() })
	select {
	case err := <-result:
		return err
	case <-w.stopped:
		return fmt.Errorf("the compute thread has stopped")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop runs what is queued and ends the thread.
func (w *worker) stop() {
	w.post(nil)
	<-w.stopped
	w.jobs.close()
}
