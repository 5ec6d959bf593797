package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/telemetry"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/control/pipeline"
	"tidemark/progress"
	"tidemark/query/gateway"
	"tidemark/serve/httpapi"
	"tidemark/serve/web"
	"tidemark/store/eventlog"
	"tidemark/store/meta"
	"tidemark/store/olap"
	"tidemark/target"
	"tidemark/target/embedded"
)

const (
	lockName        = "tidemark.lock"
	shutdownMax     = 20 * time.Second // for requests under way at the end
	rateInterval    = 2 * time.Second  // over which accepted events are counted
	readHeaderMax   = 10 * time.Second
	idleConnections = 2 * time.Minute
	tidyInterval    = time.Minute // between looks for old versions of tables
	keepPreviousFor = 24 * time.Hour
)

// serverOptions are the flags of run and demo.
type serverOptions struct {
	listen, data string
	parallelism  int
	stateMemory  string // "" for the engine's default
	keepPrevious time.Duration
	logFormat    string
	kafka        kafkaOptions
}

// server is a running server: stores, jobs and doors.
type server struct {
	options  serverOptions
	logger   *slog.Logger
	lock     io.Closer
	log      *eventlog.Log
	meta     *meta.Store
	store    *olap.Store
	jobs     *embedded.Jobs
	catalog  *catalog.Catalog
	board    *progress.Board
	gaps     *gapBook
	pipeline *pipeline.Pipeline
	api      *httpapi.Server
	registry *telemetry.Registry
	http     *http.Server
	listener net.Listener
	kafka    kafkaDoor
	rate     rate
	ready    atomic.Bool
	all      sync.WaitGroup
	stop     context.CancelFunc

	tidying     sync.WaitGroup
	stopTidying context.CancelFunc
}

// startServer opens everything and begins to listen. project may be nil.
func startServer(ctx context.Context, c *console, o serverOptions, project *pipeline.Project) (s *server, err error) {
	s = &server{options: o}
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if s.logger, err = telemetry.NewLogger(c.err, telemetry.LogFormat(o.logFormat), slog.LevelInfo); err != nil {
		return s, usagef("%v", err)
	}
	host, err := listenHost(o.listen)
	if err != nil {
		return s, err
	}
	if s.listener, err = net.Listen("tcp", o.listen); err != nil {
		return s, problem.New(problem.Conflict, "cannot listen on %s: %v", o.listen, err).WithHint("choose another address with --listen")
	}
	if err := s.kafka.listen(o.kafka); err != nil {
		return s, err
	}
	if err := s.open(ctx); err != nil {
		return s, err
	}
	if err := s.serve(host); err != nil {
		return s, err
	}
	if err := s.define(ctx, project); err != nil {
		return s, err
	}
	if err := s.forgetGaps(ctx); err != nil {
		return s, err
	}
	// Only now are there tables for what the door still has to bring to them.
	if err := s.kafka.open(s); err != nil {
		return s, err
	}
	s.ready.Store(true)
	ctx, s.stopTidying = context.WithCancel(context.WithoutCancel(ctx))
	s.tidying.Go(func() { s.tidy(ctx) })
	return s, nil
}

// tidy removes, from time to time, what tables were before they were changed.
func (s *server) tidy(ctx context.Context) {
	ticker := time.NewTicker(tidyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.pipeline.DropOld(ctx, s.options.keepPrevious); err != nil && ctx.Err() == nil {
			s.logger.Error("remove old versions of tables", "error", err)
		}
	}
}

// listenHost refuses to be reached from other machines: there is no login yet.
func listenHost(listen string) (string, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usagef("--listen is %q, not HOST:PORT", listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", problem.New(problem.Unsupported, "listening on %s would let other machines in, and there is no login yet", listen).WithHint("use --listen 127.0.0.1:8080 and a proxy that checks who calls")
	}
	return host, nil
}

// open opens the data folder.
func (s *server) open(ctx context.Context) (err error) {
	files, dir := vfs.OS(), s.options.data
	if err := vfs.MakeDir(files, dir); err != nil {
		return problem.New(problem.InvalidRequest, "the data folder cannot be made: %v", err).WithHint("name a folder that can be written to with --data")
	}
	if s.lock, err = files.Lock(filepath.Join(dir, lockName)); err != nil {
		if errors.Is(err, vfs.ErrLocked) {
			return problem.New(problem.Conflict, "another process uses the data folder %s", dir).WithHint("stop it, or name another folder with --data")
		}
		return err
	}
	if s.log, err = eventlog.Open(files, filepath.Join(dir, "log"), eventlog.Options{}); err != nil {
		return err
	}
	if s.meta, err = meta.Open(ctx, files, filepath.Join(dir, "meta")); err != nil {
		return err
	}
	if s.store, err = olap.Open(ctx, files, filepath.Join(dir, "olap"), olap.Options{}); err != nil {
		return err
	}
	s.board = progress.NewBoard()
	if err := s.openGaps(ctx); err != nil {
		return err
	}
	var memory int64
	if s.options.stateMemory != "" {
		if memory, err = embedded.ParseMemory(s.options.stateMemory); err != nil {
			return err
		}
	}
	s.jobs, err = embedded.NewJobs(embedded.JobsOptions{
		Files: files, Dir: filepath.Join(dir, "state"), Log: s.log, Store: s.store, Board: s.board, Parallelism: s.options.parallelism, Logger: s.logger,
		MemoryBudget: memory, Gaps: s.gaps,
	})
	return err
}

// define loads the definitions that are kept, and then makes the project true.
func (s *server) define(ctx context.Context, project *pipeline.Project) error {
	if err := (quotasView{s.jobs, s.meta}).load(ctx); err != nil {
		return err
	}
	kept, err := catalog.ReadDocuments(ctx, s.meta)
	if err != nil {
		return err
	}
	for _, p := range s.pipeline.Load(ctx, kept) {
		s.logger.Error("definition is left out", "problem", p.Error())
	}
	if project == nil {
		return nil
	}
	return s.pipeline.Deploy(ctx, project)
}

// serve begins to answer: at first only that the server is not ready.
func (s *server) serve(host string) error {
	s.catalog = catalog.New(s.meta)
	s.pipeline = pipeline.New(s.catalog, s.jobs, time.UTC)
	s.registry = telemetry.New()
	s.registry.WithProcess()
	questions := gateway.New(s.catalog, s.store, s.board)
	questions.Measure(s.registry)
	pages, err := web.New()
	if err != nil {
		return err
	}
	s.api, err = httpapi.New(httpapi.Config{
		Catalog: s.catalog, Board: s.board, Asker: questions, Intake: s.jobs.Intake,
		Definer: definer{s.pipeline}, Jobs: jobsView{s.jobs, s.pipeline}, Savepoints: savepointsView{s.jobs}, Gaps: s.gaps, Projects: projectsView{s.pipeline}, Quotas: quotasView{s.jobs, s.meta}, TableLog: s.tableLog, Ingest: s.rate.now, Missing: s.missing, Pages: pages,
		Telemetry: s.registry, Logger: s.logger, Version: version, Loopback: true,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.all.Go(func() { s.rate.measure(ctx, s.jobs.Accepted) })
	s.http = &http.Server{Handler: s.api, ReadHeaderTimeout: readHeaderMax, IdleTimeout: idleConnections, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn)}
	s.all.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("stopped listening", "error", err)
		}
	})
	return nil
}

// tableLog shows what the event log has of a table.
func (s *server) tableLog(table string) *httpapi.TableLog {
	h, ok := s.jobs.History(table)
	if !ok {
		return nil
	}
	shown := &httpapi.TableLog{Events: h.Events, Gone: h.Gone, Bytes: h.Bytes, Holds: []httpapi.TableHold{}}
	if !h.Oldest.IsZero() {
		oldest := h.Oldest.UTC()
		shown.Oldest = &oldest
	}
	for _, one := range h.Holds {
		hold := httpapi.TableHold{By: one.By, Partition: one.Partition, Behind: one.Behind}
		if !one.Since.IsZero() {
			since := one.Since.UTC()
			hold.Since = &since
		}
		shown.Holds = append(shown.Holds, hold)
	}
	if bad, ok := s.jobs.History(table + catalog.QuarantineSuffix); ok {
		shown.Quarantined = bad.Events + bad.Gone
	}
	return shown
}

func (s *server) missing() []string {
	if s.ready.Load() {
		return nil
	}
	return []string{"definitions are being loaded"}
}

// url is where the server can be reached.
func (s *server) url() string { return "http://" + s.listener.Addr().String() }

// close stops everything in order: doors, jobs with a last epoch, stores.
func (s *server) close() {
	if s.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownMax)
		defer cancel()
		s.api.Close()
		if err := s.http.Shutdown(ctx); err != nil {
			_ = s.http.Close()
		}
	} else if s.listener != nil {
		_ = s.listener.Close()
	}
	s.kafka.close()
	if s.stop != nil {
		s.stop()
	}
	if s.stopTidying != nil {
		s.stopTidying()
		s.tidying.Wait()
	}
	if s.jobs != nil {
		s.jobs.Close()
	}
	s.gaps.close()
	var all []error
	if s.store != nil {
		all = append(all, s.store.Close())
	}
	if s.meta != nil {
		all = append(all, s.meta.Close())
	}
	if s.log != nil {
		all = append(all, s.log.Close())
	}
	if s.lock != nil {
		all = append(all, s.lock.Close())
	}
	s.all.Wait()
	if err := errors.Join(all...); err != nil {
		s.logger.Error("close", "error", err)
	}
}

// rate counts accepted events.
type rate struct {
	mu struct {
		sync.Mutex
		ingest httpapi.Ingest
	}
}

func (r *rate) now() httpapi.Ingest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.ingest
}

func (r *rate) measure(ctx context.Context, accepted func() (int64, time.Duration)) {
	ticker := time.NewTicker(rateInterval)
	defer ticker.Stop()
	last, then := int64(0), time.Now()
	for {
		select {
		case now := <-ticker.C:
			events, fresh := accepted()
			r.mu.Lock()
			r.mu.ingest = httpapi.Ingest{EventsPerSecond: float64(events-last) / now.Sub(then).Seconds(), Freshness: fresh, Fresh: events > 0}
			r.mu.Unlock()
			last, then = events, now
		case <-ctx.Done():
			return
		}
	}
}

// definer shows the pipeline to the HTTP door.
type definer struct{ pipeline *pipeline.Pipeline }

// Execute runs definitions.
func (d definer) Execute(ctx context.Context, text string) ([]httpapi.Result, error) {
	done, err := d.pipeline.Execute(ctx, text)
	results := make([]httpapi.Result, len(done))
	for i, r := range done {
		results[i] = httpapi.Result{Kind: r.Kind, Name: r.Name, Changed: r.Changed, Message: sentence(r)}
	}
	return results, err
}

// sentence says what became of a statement.
func sentence(r pipeline.Result) string {
	if !r.Changed {
		return strings.TrimSpace("nothing had to change for " + r.Kind + " " + r.Name)
	}
	if r.Building {
		return r.Kind + " " + r.Name + " is what it was until its new version has caught up; tidemark status shows how far that is"
	}
	return r.Kind + " " + r.Name + " is as asked now"
}

// jobsView shows the jobs to the HTTP door.
type jobsView struct {
	jobs     *embedded.Jobs
	pipeline *pipeline.Pipeline
}

// Act passes an action on.
func (v jobsView) Act(ctx context.Context, job string, action httpapi.JobAction) error {
	var err error
	switch action {
	case httpapi.RollBack:
		_, err = v.pipeline.RollBack(ctx, job)
	case httpapi.DropPrevious:
		err = v.pipeline.DropPrevious(ctx, job)
	case httpapi.Replay:
		_, err = v.pipeline.Replay(ctx, job)
	default:
		err = v.jobs.Act(ctx, job, target.Action(action))
	}
	return err
}

// ReplayFrom builds a part of a table again.
func (v jobsView) ReplayFrom(ctx context.Context, job string, from time.Time, byLog bool) (time.Time, error) {
	return v.pipeline.ReplayFrom(ctx, job, from, byLog)
}

// Statuses describes all jobs.
func (v jobsView) Statuses() []httpapi.JobStatus {
	var all []httpapi.JobStatus
	for _, s := range v.jobs.Jobs() {
		started := s.Started
		j := httpapi.JobStatus{
			Name: s.Table, State: string(s.State), Tables: []string{s.Table}, Started: &started, RowsIn: s.RowsIn, RowsOut: s.RowsOut,
			RowsPerSecond: s.RowsPerSecond, LateRows: s.LateRows, ExpiredKeys: s.ExpiredKeys, Epoch: uint64(s.Epoch), Restarts: int64(s.Restarts), StateBytes: &s.StateBytes,
		}
		if s.State == target.Restarting {
			j.State = "failed"
		}
		if s.Error != nil {
			j.Error = httpapi.ProblemOf(s.Error)
		}
		if s.LagRows >= 0 {
			waiting := s.LagRows
			j.Waiting = &waiting
		}
		if s.Watermark != batch.NoMark && s.Watermark != batch.Final {
			at := time.UnixMilli(s.Watermark).UTC()
			lag := time.Since(at).Milliseconds()
			j.Watermark, j.LagMillis = &at, &lag
		}
		if !s.EpochAt.IsZero() {
			at, took := s.EpochAt, float64(s.EpochTook)/float64(time.Millisecond)
			j.CommittedAt, j.EpochMillis = &at, &took
		}
		describeRestart(&j, s)
		describeUpgrade(&j, s.Upgrade)
		describeCost(&j, s)
		all = append(all, j)
	}
	return all
}
