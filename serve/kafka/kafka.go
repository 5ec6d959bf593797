// Package kafka is the Kafka door: programs that speak Kafka's protocol write
// events into native tables and read them, as if each table were a topic.
//
// It is not a broker: there is one node, tables are made by SQL, and retention is
// the table's. It does not decode events either: native.Intake does.
//
// Flow of a record: connection.serve reads a frame, with room for it in the budget
// → request.decode → produce takes batches apart (checksum, decompression) →
// native.Intake.AcceptRecords, or coordinator.Stage when it belongs to a
// transaction → the answer goes out when everything is synced.
// Flow of a fetch: native.Export gives messages → they are put together as
// batches again → or the connection waits until there are some.
// Groups of consumers live in memory (group.go); what they have committed,
// producers and transactions live in the coordinator's journal.
//
// Invariants:
//  1. A record's offset is its place in the table's event log. A record that is
//     quarantined keeps its offset, and nobody reads anything there.
//  2. A produce request is acknowledged when its records are synced, those of a
//     transaction in the journal.
//  3. A connection's requests are answered in their order, one at a time, so a
//     client that is too fast waits in its own socket.
//  4. What a client sends decides about no allocation before it is checked: frames,
//     batches, counts and answers are bounded, and so is the sum over all
//     connections.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/telemetry"
	"tidemark/connect/native"
	"tidemark/serve/kafka/coordinator"
	"tidemark/store/eventlog"
)

// Limits of the door.
const (
	connectionsMax     = 1000
	frameBytesMax      = 20 << 20  // of a produce request
	smallFrameMax      = 512 << 10 // of any other
	strangerFrameMax   = 64 << 10  // of one before the login
	framesBytesMax     = 256 << 20
	batchBytesMax      = 16 << 20 // of a batch's records, decompressed
	decodingMax        = 8        // batches that are being taken apart
	fetchBytesMax      = 4 << 20  // of an answer to a fetch, but for its first batch
	fetchBytesFirst    = 64 << 10 // of the memory for what a partition gives, which grows
	fetchesBytesMax    = 256 << 20
	fetchWaitMax       = 30 * time.Second
	fetchPartitionsMax = 2000
	exportsMax         = 64  // partitions that a connection reads from without finding its place anew
	readingsMax        = 512 // the same of all connections: each may hold a mebibyte
	idleMax            = 10 * time.Minute
	loginMax           = 30 * time.Second // from connecting to being logged in
	frameTimeout       = 30 * time.Second // for the rest of a frame after its length
	writeTimeout       = 30 * time.Second
	throttleMax        = time.Second
	pauseMax           = 5 * time.Second // of a client that has sent more than it may
	requestTopicsMax   = 10_000

	groupsMax         = 10_000    // with members
	membersMax        = 1000      // of a group, and ids given to those who are to come
	memberBytesMax    = 256 << 10 // of a member's protocols, and of its assignment
	sessionMin        = 100 * time.Millisecond
	sessionMax        = 30 * time.Minute
	groupInterval     = 250 * time.Millisecond // between looks for members that are gone
	produceTimeoutMax = 60 * time.Second
)

// nodeID is that of the only broker.
const nodeID = 1

// Config is what a Door is made of. Fields without "may be" are required.
type Config struct {
	Intake    func(table string) (*native.Intake, bool) // of a native table
	Tables    func() []string                           // names of native tables, in order
	Log       *eventlog.Log
	TLS       *tls.Config // may be nil: connections are not encrypted
	Users     *Users      // may be nil: nobody logs in
	Advertise string      // may be "": HOST:PORT that clients are told, instead of the one they have reached
	Telemetry *telemetry.Registry
	Logger    *slog.Logger
	Now       func() time.Time // may be nil: the clock
}

// Door answers Kafka clients.
type Door struct {
	config      Config
	coordinator *coordinator.Coordinator
	groups      *groups
	metrics     metrics
	frames      *budget // bytes of requests in memory
	fetches     *budget // bytes of answers to fetches
	decoding    chan struct{}
	readings    atomic.Int64    // exports that are open
	ctx         context.Context // ends with Close
	stop        context.CancelFunc
	all         sync.WaitGroup
	mu          struct {
		sync.Mutex
		listener    net.Listener
		connections map[net.Conn]struct{}
	}
}

// New makes a door, and finishes the transactions that were decided when the
// process stopped. Close it after Serve.
func New(config Config) (*Door, error) {
	if config.Intake == nil || config.Tables == nil || config.Log == nil || config.Telemetry == nil || config.Logger == nil {
		return nil, errors.New("make the Kafka door: a required field of Config is not set")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	d := &Door{config: config, frames: newBudget(framesBytesMax), fetches: newBudget(fetchesBytesMax), decoding: make(chan struct{}, decodingMax), metrics: newMetrics(config.Telemetry)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.mu.connections = map[net.Conn]struct{}{}
	var err error
	d.coordinator, err = coordinator.Open(config.Log, coordinator.Options{Apply: d.apply, Now: config.Now, Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	d.groups = newGroups(d.ctx, config.Now)
	return d, nil
}

// Serve accepts connections until Close.
func (d *Door) Serve(listener net.Listener) error {
	if d.config.TLS != nil {
		listener = tls.NewListener(listener, d.config.TLS)
	}
	d.mu.Lock()
	d.mu.listener = listener
	closed := d.ctx.Err() != nil
	d.mu.Unlock()
	if closed {
		return listener.Close()
	}
	for {
		c, err := listener.Accept()
		switch {
		case d.ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			// Too many open files, or a connection that was gone at once.
			d.config.Logger.Warn("accept a Kafka connection", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-d.ctx.Done():
			}
			continue
		}
		if !d.enter(c) {
			_ = c.Close()
			continue
		}
		d.all.Go(func() {
			defer d.leave(c)
			newConnection(d, c).serve()
		})
	}
}

// enter counts a connection in, unless there are too many.
func (d *Door) enter(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.mu.connections) >= connectionsMax || d.ctx.Err() != nil {
		d.metrics.refused.Inc()
		return false
	}
	d.mu.connections[c] = struct{}{}
	d.metrics.connections.Set(float64(len(d.mu.connections)))
	return true
}

func (d *Door) leave(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.connections, c)
	d.metrics.connections.Set(float64(len(d.mu.connections)))
}

// Close ends all connections and waits until nothing is under way any more.
func (d *Door) Close() {
	d.stop()
	d.mu.Lock()
	if d.mu.listener != nil {
		_ = d.mu.listener.Close()
	}
	for c := range d.mu.connections {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
	d.groups.close()
	if err := d.coordinator.Close(); err != nil {
		d.config.Logger.Error("close the Kafka coordinator", "error", err)
	}
}
