// Package olap is the hot store: tables for questions, in DuckDB.
//
// It is not an SQL front end (questions arrive as DuckDB text that the gateway
// printed) and not the source of truth: what it holds can be built again from
// the event log. No DuckDB type leaves this package.
//
// Flow: Open → CreateTable → one Writer per table applies epochs; any number of
// readers ask through Query, a few at a time.
//
// Invariants:
//  1. An epoch's rows and its number are written in one transaction: after a
//     crash a table is exactly at some epoch, and Committed says which.
//  2. One Writer per table writes at a time, so upserts never conflict.
//  3. Only as many questions run as there are cores, and half as many long ones
//     beside them; the others wait, or are refused when too many wait (admission).
//     Writers never wait for readers.
//  4. A keyed table has no two rows with the same key, without an index: the
//     Writer merges, after it removed duplicates within the epoch. A multiset
//     keeps as many copies of a row as were added and not taken away.
//  5. Once open, the database reaches no file but its own, and its settings
//     cannot be changed by any statement.
//  6. The C code here (sketches) keeps no memory when no question runs, and has
//     the answers of package base/sketch to the last bit.
package olap

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// Limits of the hot store.
const (
	// checkpointBytes is how much write-ahead log may gather. Commits wait while it
	// is folded in: with 100,000 events and 50,000 upserts a second for 0.2 s at
	// 16 MB, 0.4 s at 32 MB, and 2.8 s, one second in seven, at 256 MB.
	checkpointBytes = "16MB"
	// waitingPerRunning is how many questions may wait for each that may run.
	waitingPerRunning = 64
	// briefMax is how long a question runs before it makes way for another, and
	// placesPerLong for how many places there is one for such long questions.
	briefMax      = 250 * time.Millisecond
	placesPerLong = 2
	longKnownMax  = 1024 // questions known to be long
	// coresPerThread is how many cores there are for each thread that DuckDB answers a
	// question with: whoever waits for the others burns a core meanwhile, which on
	// two cores is a sixth of all the work there is.
	coresPerThread = 2
	memoryDefault  = "2GB" // DuckDB spills beyond it
	fileName       = "hot.duckdb"
	// sketchBytesMax is the memory of the sketches of all running questions together,
	// which is none of what DuckDB counts.
	sketchBytesMax = 1 << 30
)

// Options of Open.
type Options struct {
	MemoryMax string // DuckDB's memory limit, such as "4GB"; "" for memoryDefault
	Running   int    // questions at the same time, long ones aside; 0 for the number of cores
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	connector *duckdb.Connector
	readers   *sql.DB
	admission *admission
	damage    *Damage
	functions functions

	mu struct {
		sync.Mutex
		writers  map[string]*Writer
		versions map[string]uint64 // of tables that have moved
		moves    uint64            // of all tables
	}
}

// Damage tells that the database could not be read and was put aside. What it
// held is to be built again from the event log.
type Damage struct {
	Cause string // what DuckDB said
	Kept  string // the damaged file's new name
}

// Open opens or makes the database in dir. A damaged one gets another
// name and an empty one takes its place: see Store.Damage.
func Open(ctx context.Context, files vfs.FS, dir string, options Options) (*Store, error) {
	if err := vfs.MakeDir(files, dir); err != nil {
		return nil, fmt.Errorf("make folder of the hot store: %w", err)
	}
	path := filepath.Join(dir, fileName)
	store, err := open(ctx, path, options)
	if err == nil {
		return store, nil
	}
	if strings.Contains(err.Error(), "Conflicting lock") {
		return nil, problem.New(problem.Conflict, "another process has the hot store %s open", path).WithHint("stop the other process first")
	}
	if _, statErr := files.Stat(path); statErr != nil {
		return nil, fmt.Errorf("open hot store: %w", err)
	}
	kept, moveErr := putAside(files, dir)
	if moveErr != nil {
		return nil, errors.Join(fmt.Errorf("open hot store: %w", err), moveErr)
	}
	store, openErr := open(ctx, path, options)
	if openErr != nil {
		return nil, fmt.Errorf("open hot store: %w", openErr)
	}
	store.damage = &Damage{Cause: err.Error(), Kept: kept}
	return store, nil
}

// putAside renames the database and its write-ahead log, which keeps them for
// whoever wants to look, and gives the common start of their new names.
func putAside(files vfs.FS, dir string) (string, error) {
	kept := filepath.Join(dir, "damaged-"+time.Now().UTC().Format("20060102T150405.000"))
	for from, to := range map[string]string{fileName: ".duckdb", fileName + ".wal": ".duckdb.wal"} {
		err := files.Rename(filepath.Join(dir, from), kept+to)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("put damaged hot store aside: %w", err)
		}
	}
	return kept + ".duckdb", files.SyncDir(dir)
}

func open(ctx context.Context, path string, options Options) (*Store, error) {
	connector, err := duckdb.NewConnector(path, nil)
	if err != nil {
		return nil, err
	}
	running := options.Running
	if running <= 0 {
		running = runtime.GOMAXPROCS(0)
	}
	s := &Store{
		connector: connector,
		readers:   sql.OpenDB(connector),
		admission: newAdmission(running),
	}
	s.mu.writers, s.mu.versions = map[string]*Writer{}, map[string]uint64{}
	s.functions.known = map[string]bool{}
	s.readers.SetMaxOpenConns(s.admission.most() + 1)
	s.readers.SetMaxIdleConns(s.admission.most() + 1)
	if err := s.prepare(ctx, options); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// wrongOptimizers give wrong answers up to DuckDB 1.5.5: top_n_window_elimination
// loses rows whose order has NULLs and makes a row of none; join_filter_pushdown
// filters below LIMIT what is joined above it.
const wrongOptimizers = "top_n_window_elimination,join_filter_pushdown"

// prepare changes settings in the one order that works: our own first, then no
// way to the outside, then no more changes.
func (s *Store) prepare(ctx context.Context, options Options) error {
	memory := options.MemoryMax
	if memory == "" {
		memory = memoryDefault
	}
	for _, statement := range []string{
		"SET checkpoint_threshold='" + checkpointBytes + "'",
		"SET memory_limit='" + memory + "'",
		"SET GLOBAL TimeZone='UTC'",
		"SET GLOBAL default_null_order='nulls_first_on_asc_last_on_desc'", // Flink: NULL is the lowest value
		"SET preserve_insertion_order=true",
		fmt.Sprintf("SET threads=%d", max(runtime.GOMAXPROCS(0)/coresPerThread, 1)),
		"SET disabled_optimizers='" + wrongOptimizers + "'",
		`CREATE TABLE IF NOT EXISTS tidemark_epochs (table_name VARCHAR, epoch UBIGINT, watermark BIGINT)`,
		"SET enable_external_access=false",
		"SET lock_configuration=true",
	} {
		if _, err := s.readers.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("prepare database: %w", err)
		}
	}
	if err := registerSketches(ctx, s.readers); err != nil {
		return fmt.Errorf("register functions of sketches: %w", err)
	}
	return nil
}

// Damage tells what Open found damaged, nil when all was well.
func (s *Store) Damage() *Damage { return s.damage }

// Close waits for running questions and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	writers := s.mu.writers
	s.mu.writers = map[string]*Writer{}
	s.mu.Unlock()
	var all []error
	for _, w := range writers {
		all = append(all, w.close())
	}
	all = append(all, s.readers.Close(), s.connector.Close())
	return errors.Join(all...)
}

// connect opens a connection of its own, for a Writer.
func (s *Store) connect(ctx context.Context) (driver.Conn, error) {
	return s.connector.Connect(ctx)
}

// quote writes an identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
