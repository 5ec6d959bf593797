// Package httpapi is the HTTP door: it takes events and answers questions, tells
// how far tables are settled, and feeds the live page.
//
// It decides nothing about data: events go to a native.Intake, questions to the
// gateway, definitions and jobs to whoever fulfils Definer and Jobs. It does not
// listen either: the caller owns the http.Server with its timeouts. Event bodies
// and live streams set their own deadlines, so ReadTimeout and WriteTimeout may
// stay zero; ReadHeaderTimeout and IdleTimeout should not.
//
// Flow: a request → Server.ServeHTTP (guard, count, recover) → the route's
// handler → a body, or an error that becomes one problem document. The table in
// routes.go is what is served and what /openapi.json describes.
//
// Invariants:
//  1. Every error leaves as RFC 9457 problem+json. What is not a
//     problem.Problem is logged once, with the trace id that the client sees,
//     and its text does not leave the process.
//  2. An answer that breaks off half-way ends with a broken connection, never
//     like a complete one.
//  3. A page of another site can neither change nor read anything: requests
//     that say they come from one are refused, and on loopback so are those
//     for a name that is not this machine's.
//  4. Memory is bounded whatever is sent: bodies, bodies at a time, rows of an
//     answer in memory and live streams all have limits.
package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tidemark/base/telemetry"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/progress"
	"tidemark/query/gateway"
)

// Limits of the door.
const (
	eventBytesMax     = 16 << 20 // of a body of events, compressed and not
	requestBytesMax   = 1 << 20  // of any other body
	bodiesMax         = 64       // bodies of events in memory at the same time
	bodiesWaitingMax  = 1024     // requests whose body waits to be read
	bodyKeptBytesMax  = 1 << 20  // a buffer larger than this is not kept for the next body
	bodyReadTimeout   = 30 * time.Second
	windowBytesMax    = 8 << 20 // of a zstd frame
	keyBytesMax       = 256     // of an idempotency key
	appliedDefault    = 10 * time.Second
	appliedMax        = 60 * time.Second
	replyHeldBytes    = 256 << 10 // of an answer before its first byte leaves: until then an error has its own status
	paramsMax         = 1000
	errorsShown       = 50 // problems in one document
	progressSpan      = time.Hour
	liveStreamsMax    = 256
	liveInterval      = time.Second
	liveWriteTimeout  = 10 * time.Second
	liveAskTimeout    = 5 * time.Second
	retryAfterSeconds = 1
)

// Asker answers questions; *gateway.Gateway does. It is called from many
// goroutines. Errors are problems, or ours.
type Asker interface {
	Ask(ctx context.Context, q gateway.Question, rows gateway.Rows) (*gateway.Answer, error)
	Cancel(id string) error
	Running() []gateway.Running
}

// Ingest is how the taking of events goes at the moment.
type Ingest struct {
	EventsPerSecond float64       // accepted, averaged over the last few seconds
	Freshness       time.Duration // from acknowledgement to being visible in answers
	Fresh           bool          // whether Freshness is known: there has been an event
}

// Config is what a Server is made of. Fields without "may be nil" are required.
type Config struct {
	Catalog    *catalog.Catalog
	Board      *progress.Board
	Asker      Asker
	Intake     func(table string) (*native.Intake, bool) // of a native table
	Definer    Definer                                   // may be nil: definitions are refused
	Jobs       Jobs                                      // may be nil: there are none
	Savepoints Savepoints                                // may be nil: there are none
	Gaps       Gaps                                      // may be nil: none are known
	Projects   Projects                                  // may be nil: projects are refused
	Quotas     Quotas                                    // may be nil: there are none
	TableLog   func(table string) *TableLog              // of a native table; may be nil: nothing is known
	Ingest     func() Ingest                             // may be nil: zeros
	Missing    func() []string                           // what keeps the server from being ready; may be nil: nothing does
	Pages      http.Handler                              // answers what is not the API's; may be nil: 404
	Telemetry  *telemetry.Registry
	Logger     *slog.Logger
	Version    string           // of the program, for /openapi.json
	Loopback   bool             // it listens on loopback only: Host must be a name of this machine
	Now        func() time.Time // may be nil: the clock
}

// Server is the API as an http.Handler. It is safe for concurrent use.
type Server struct {
	config  Config
	mux     *http.ServeMux
	origins *http.CrossOriginProtection
	bodies  *bodyReader
	metrics metrics
	live    *feed
	openapi []byte
}

var _ http.Handler = (*Server)(nil)

// New makes a Server. Close it to end its live streams.
func New(config Config) (*Server, error) {
	if config.Catalog == nil || config.Board == nil || config.Asker == nil || config.Intake == nil || config.Telemetry == nil || config.Logger == nil {
		return nil, errors.New("make the HTTP API: a required field of Config is not set")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Ingest == nil {
		config.Ingest = func() Ingest { return Ingest{} }
	}
	if config.Missing == nil {
		config.Missing = func() []string { return nil }
	}
	config.Version = cmp.Or(config.Version, "dev")
	s := &Server{
		config:  config,
		mux:     http.NewServeMux(),
		origins: http.NewCrossOriginProtection(),
		bodies:  newBodyReader(),
		metrics: newMetrics(config.Telemetry),
	}
	config.Telemetry.Read(readingsOfJobs(), s.showJobs)
	s.live = newFeed(s.dashboard)
	routes := s.routes()
	for _, r := range routes {
		s.mux.Handle(r.method+" "+r.path, s.serve(r))
	}
	s.mux.Handle("/api/", s.serve(route{path: "/api/", handle: s.noRoute}))
	pages := config.Pages
	if pages == nil {
		pages = http.NotFoundHandler()
	}
	s.mux.Handle("/", s.serve(route{path: "/", handle: func(w http.ResponseWriter, r *http.Request) error {
		pages.ServeHTTP(w, r)
		return nil
	}}))
	var err error
	s.openapi, err = describe(routes, config.Version)
	return s, err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends the live streams and waits until nothing is computed for them any
// more. Call it before http.Server.Shutdown, which waits for open answers.
func (s *Server) Close() { s.live.close() }
