package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// How events are sent.
const (
	senders       = 16   // of HTTP, at a time
	bodyEvents    = 2000 // in a body, and in a turn of the Kafka producer
	bodyNames     = 500
	refusedMax    = 5 * time.Second
	kafkaBuffered = 20_000
	brokenMax     = 1000 // connections that break
)

// load sends events until it is ended. Each counts 1 in all that is summed.
type load struct {
	server   *server
	body     []byte
	client   *http.Client
	producer *kgo.Client
	stop     context.CancelFunc
	all      sync.WaitGroup

	offered, acked, refused, throttled, broken atomic.Int64
}

func newLoad(s *server) (*load, error) {
	l := &load{server: s, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
	var body bytes.Buffer
	for i := range bodyEvents {
		fmt.Fprintf(&body, "{\"id\":%d,\"name\":\"name %d\",\"v\":1}\n", i, i%bodyNames)
	}
	l.body = body.Bytes()
	var err error
	l.producer, err = kgo.NewClient(kgo.SeedBrokers(s.kafka), kgo.DefaultProduceTopic("events"), kgo.MaxBufferedRecords(kafkaBuffered), kgo.WithHooks(l))
	return l, err
}

var _ kgo.HookBrokerThrottle = (*load)(nil)

// OnBrokerThrottle counts how often the producer was told to wait.
func (l *load) OnBrokerThrottle(kgo.BrokerMetadata, time.Duration, bool) { l.throttled.Add(1) }

func (l *load) close() {
	l.end()
	l.producer.Close()
}

// begin sends so many events a second; 0 for as many as are taken.
func (l *load) begin(ctx context.Context, rate float64) {
	ctx, l.stop = context.WithCancel(ctx)
	turns := make(chan struct{}, senders)
	l.all.Go(func() {
		defer close(turns)
		begin, sent := time.Now(), 0
		for ctx.Err() == nil {
			if rate > 0 {
				// What nobody had room for is offered and lost: the world does not wait.
				due := begin.Add(time.Duration(float64(sent) * bodyEvents / rate * float64(time.Second)))
				if wait := time.Until(due); wait > 0 {
					time.Sleep(wait)
				}
				sent++
				l.offered.Add(bodyEvents)
				select {
				case turns <- struct{}{}:
				default:
				}
				continue
			}
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
			}
		}
	})
	for range senders {
		l.all.Go(func() {
			for range turns {
				l.send(ctx)
			}
		})
	}
	l.all.Go(func() { l.produce(ctx) })
}

// end stops sending, and waits for the answers that are still to come.
func (l *load) end() {
	if l.stop != nil {
		l.stop()
		l.all.Wait()
		_ = l.producer.Flush(context.Background())
	}
}

var keys atomic.Int64

// send sends one body until it is acknowledged, or refused when there is no time any
// more. What was begun is finished, so that it is known what became of it.
func (l *load) send(ctx context.Context) {
	key := "body " + strconv.FormatInt(keys.Add(1), 10)
	for {
		request, err := http.NewRequest(http.MethodPost, "http://"+l.server.address+"/api/v1/events/events", bytes.NewReader(l.body))
		if err != nil {
			panic(err) // the address is ours
		}
		request.Header.Set("Idempotency-Key", key)
		response, err := l.client.Do(request)
		if err != nil {
			if l.broken.Add(1) > brokenMax {
				return // the server is gone, which the count will tell
			}
			continue // nobody knows whether it was taken; the key makes it harmless
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			l.acked.Add(bodyEvents)
			return
		}
		l.refused.Add(1)
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		select {
		case <-time.After(min(time.Duration(max(seconds, 1))*time.Second, refusedMax)):
		case <-ctx.Done():
			return // it was refused, and is not there
		}
	}
}

// produce sends through Kafka as fast as the client's buffer takes it.
func (l *load) produce(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		// Not with ctx: what is under way when it ends would be stored, and not counted.
		l.producer.Produce(context.Background(), &kgo.Record{Value: fmt.Appendf(nil, `{"id":%d,"name":"name %d","v":1}`, i, i%bodyNames)}, func(_ *kgo.Record, err error) {
			if err == nil {
				l.acked.Add(1)
			}
		})
	}
}
