package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tidemark/base/problem"
)

const liveTopic = "dashboard"

// update is one event of the live stream, as it is sent: the same bytes to
// everybody.
type update []byte

// feed computes updates while somebody follows, once for all of them.
//
// The first follower starts a run, the last one to leave ends it. A run belongs
// to the feed: close waits for it.
type feed struct {
	compute func(context.Context) update
	ticks   func() (ticks <-chan time.Time, stop func()) // tests pass their own

	mu struct {
		sync.Mutex
		followers map[*follower]struct{}
		newest    update             // of the present run; nil before its first
		cancel    context.CancelFunc // ends the present run; nil without one
		closed    bool
	}
	done chan struct{} // closed with the feed
	runs sync.WaitGroup
}

// follower receives updates. One that reads slowly misses some, never the newest.
type follower struct {
	updates chan update // has room for one
}

func newFeed(compute func(context.Context) update) *feed {
	f := &feed{compute: compute, done: make(chan struct{})}
	f.ticks = func() (<-chan time.Time, func()) {
		ticker := time.NewTicker(liveInterval)
		return ticker.C, ticker.Stop
	}
	f.mu.followers = map[*follower]struct{}{}
	return f
}

// join adds a follower, which has the newest update at once if there is one.
func (f *feed) join() (*follower, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.closed {
		return nil, problem.New(problem.TooBusy, "the server is stopping").Retryable()
	}
	if len(f.mu.followers) >= liveStreamsMax {
		return nil, problem.New(problem.TooBusy, "%d live streams are open already", liveStreamsMax).WithHint("close some pages").Retryable()
	}
	who := &follower{updates: make(chan update, 1)}
	f.mu.followers[who] = struct{}{}
	if f.mu.newest != nil {
		who.updates <- f.mu.newest
	}
	if f.mu.cancel == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f.mu.cancel = cancel
		f.runs.Add(1)
		go f.run(ctx)
	}
	return who, nil
}

// leave removes a follower.
func (f *feed) leave(who *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.followers, who)
	if len(f.mu.followers) == 0 {
		f.endRun()
	}
}

// endRun ends the present run without waiting for it. The caller holds mu.
func (f *feed) endRun() {
	if f.mu.cancel != nil {
		f.mu.cancel()
		f.mu.cancel, f.mu.newest = nil, nil
	}
}

// close ends all streams and waits for the computing to end.
func (f *feed) close() {
	f.mu.Lock()
	if !f.mu.closed {
		f.mu.closed = true
		close(f.done)
		f.endRun()
	}
	f.mu.Unlock()
	f.runs.Wait()
}

// run computes an update at every tick, the first at once, until ctx ends.
func (f *feed) run(ctx context.Context) {
	defer f.runs.Done()
	ticks, stop := f.ticks()
	defer stop()
	for {
		f.publish(ctx, f.compute(ctx))
		select {
		case <-ticks:
		case <-ctx.Done():
			return
		}
	}
}

// publish passes an update to all followers. Between the end of a run and its
// noticing, another may have begun, whose updates those of the old one must not
// replace: ctx is canceled under mu, so asking it under mu tells them apart.
func (f *feed) publish(ctx context.Context, u update) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	f.mu.newest = u
	for who := range f.mu.followers {
		select {
		case <-who.updates: // not read yet, and old now
		default:
		}
		who.updates <- u // has room: only publish and join put anything in, both under mu
	}
}

// follow sends updates as server-sent events until the client leaves or the
// server stops.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) error {
	if topics := r.URL.Query().Get("topics"); topics != liveTopic {
		return problem.New(problem.InvalidRequest, "there are no live topics %q", topics).About("topics").WithHint("ask for topics=%s", liveTopic)
	}
	who, err := s.live.join()
	if err != nil {
		return err
	}
	defer s.live.leave(who)
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // proxies must not gather events
	connection := http.NewResponseController(w)
	for {
		select {
		case u := <-who.updates:
			// The server's own deadline, if it has one, is for whole answers.
			_ = connection.SetWriteDeadline(time.Now().Add(liveWriteTimeout))
			if _, err := w.Write(u); err != nil {
				return fmt.Errorf("%w: %w", errGone, err)
			}
			if err := connection.Flush(); err != nil {
				return fmt.Errorf("%w: %w", errGone, err)
			}
		case <-r.Context().Done():
			return nil
		case <-s.live.done:
			return nil
		}
	}
}

// sseUpdate writes an event of one line of JSON.
func sseUpdate(event string, data []byte) update {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", event, data)
	return b.Bytes()
}
