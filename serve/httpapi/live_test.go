package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/plan"
)

// clockwork replaces a feed's ticker.
type clockwork struct {
	ticks   chan time.Time
	stopped chan struct{} // gets a value when a run has ended
}

func wind(f *feed) *clockwork {
	c := &clockwork{ticks: make(chan time.Time), stopped: make(chan struct{}, 10)}
	f.ticks = func() (<-chan time.Time, func()) { return c.ticks, func() { c.stopped <- struct{}{} } }
	return c
}

// stream is an open live stream.
type stream struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func openStream(t *testing.T, url string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/live?topics=dashboard", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%s, %s", answer.Status, got)
	}
	return &stream{answer.Body, bufio.NewReader(answer.Body), cancel}
}

// event reads an event and gives its name and data.
func (s *stream) event(t *testing.T) (name, data string) {
	t.Helper()
	name, data = line(t, s.lines), line(t, s.lines)
	if blank := line(t, s.lines); blank != "" {
		t.Fatalf("behind an event stands %q", blank)
	}
	return strings.TrimPrefix(name, "event: "), strings.TrimPrefix(data, "data: ")
}

// TestLivePage golden-tests what the page is shown:
//
//	dashboard           with the tables of the demo filled
//	empty               with no rows, and nothing known of their progress
//	problem             without the tables
func TestLivePage(t *testing.T) {
	datadriven.RunTest(t, "testdata/live", func(t *testing.T, d *datadriven.TestData) string {
		w := newWorld(t, nil)
		switch d.Cmd {
		case "dashboard":
			w.fillDemo(t)
		case "empty":
			w.fill(t, minuteTable, nil)
			w.fill(t, campaignTable, nil)
			w.server.config.Ingest = func() Ingest { return Ingest{} }
		case "problem":
			if _, err := w.config.Catalog.Drop(t.Context(), minuteTable, plan.Materialized, false); err != nil {
				t.Fatal(err)
			}
		}
		event, data, _ := strings.Cut(string(w.server.dashboard(t.Context())), "\n")
		return event + "\n" + shown("application/json", []byte(strings.TrimPrefix(strings.TrimSpace(data), "data: ")))
	})
}

func TestOneComputationForAllPages(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	clock := wind(w.server.live)
	server := httptest.NewServer(w.server)
	defer server.Close()
	defer w.server.Close()

	first := openStream(t, server.URL)
	name, one := first.event(t)
	if name != "dashboard" || !strings.Contains(one, `"series":[{`) {
		t.Fatalf("%s %s", name, one)
	}
	asked := w.asker.asked.Load()
	second := openStream(t, server.URL)
	if _, same := second.event(t); same != one {
		t.Errorf("the second page got %s", same)
	}
	if now := w.asker.asked.Load(); now != asked {
		t.Errorf("a second page cost %d questions", now-asked)
	}
	clock.ticks <- noon
	for _, s := range []*stream{first, second} {
		if name, _ := s.event(t); name != "dashboard" {
			t.Errorf("then came %s", name)
		}
	}
	if now := w.asker.asked.Load(); now != 2*asked {
		t.Errorf("two pages cost %d questions instead of %d", now-asked, asked)
	}
	first.cancel()
	second.cancel()
	<-clock.stopped // nobody follows: nothing is computed

	third := openStream(t, server.URL)
	third.event(t)
	if now := w.asker.asked.Load(); now != 3*asked {
		t.Errorf("a page that comes later cost %d questions instead of %d", now-2*asked, asked)
	}
	w.server.Close()
	<-clock.stopped
	if _, err := third.lines.ReadByte(); err != io.EOF {
		t.Errorf("the stream of a stopped server ends with %v", err)
	}
}

func TestLiveStreamsAreLimited(t *testing.T) {
	f := newFeed(func(context.Context) update { return update("u") })
	wind(f)
	defer f.close()
	all := make([]*follower, liveStreamsMax)
	for i := range all {
		var err error
		if all[i], err = f.join(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.join(); !problem.Is(err, problem.TooBusy) {
		t.Errorf("one more: %v", err)
	}
	f.leave(all[0])
	if _, err := f.join(); err != nil {
		t.Errorf("in the place of another: %v", err)
	}
}

func TestSlowFollowerMissesUpdatesButNotTheNewest(t *testing.T) {
	computed := 0
	f := newFeed(func(context.Context) update {
		computed++
		return update(fmt.Sprint(computed))
	})
	clock := wind(f)
	defer f.close()
	slow, err := f.join()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		clock.ticks <- noon // taken only when the update before has been published
	}
	quick, err := f.join()
	if err != nil {
		t.Fatal(err)
	}
	clock.ticks <- noon
	clock.ticks <- noon
	if a, b := string(<-slow.updates), string(<-quick.updates); a < "6" || b < "6" {
		t.Errorf("the newest are %s and %s", a, b)
	}
}

// TestOldRunDoesNotReplaceANewOne lets a follower leave, and another come, while
// the first one's update is being computed.
func TestOldRunDoesNotReplaceANewOne(t *testing.T) {
	computing, finish := make(chan context.Context), make(chan update)
	f := newFeed(func(ctx context.Context) update {
		computing <- ctx
		return <-finish
	})
	clock := wind(f)
	defer f.close()
	first, err := f.join()
	if err != nil {
		t.Fatal(err)
	}
	old := <-computing
	f.leave(first)
	if old.Err() == nil {
		t.Error("nobody follows, and the computation was not canceled")
	}
	second, err := f.join()
	if err != nil {
		t.Fatal(err)
	}
	<-computing // of the new run; both wait for finish now
	finish <- update("a")
	finish <- update("b")
	<-clock.stopped // the old run has ended, its update went nowhere
	got := string(<-second.updates)
	select {
	case more := <-second.updates:
		t.Errorf("after %s came %s", got, more)
	default:
	}
}

func TestClosedFeedTakesNobody(t *testing.T) {
	f := newFeed(func(context.Context) update { return nil })
	f.close()
	f.close()
	if _, err := f.join(); !problem.Is(err, problem.TooBusy) {
		t.Error(err)
	}
}

func TestLiveStreamThatCannotBeWritten(t *testing.T) {
	w := newWorld(t, nil)
	wind(w.server.live)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/live?topics=dashboard", nil)
	if err := w.server.follow(brokenWriter{httptest.NewRecorder()}, r); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

// brokenWriter is a connection that has gone.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
