package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tidemark/base/problem"
	"tidemark/engine"
)

const (
	faultEpochs = 6
	faultKeys   = 20
)

// faultyJob does with a store what a job does, and notes what it was told.
type faultyJob struct {
	files     vfs.FS
	died      chan struct{} // closed when Pebble ends the process in its background work
	dying     sync.Once
	confirmed atomic.Int64 // newest epoch whose Commit returned nil
	tried     atomic.Int64 // newest epoch whose Commit was called
	rotating  atomic.Bool  // Pebble begins a new log
}

func (*faultyJob) Infof(string, ...any)  {}
func (*faultyJob) Errorf(string, ...any) {}

// Fatalf does what quiet does, where that would not end the test: the end of the
// process is noted, and the goroutine stays where it is, as nothing goes on after it.
func (j *faultyJob) Fatalf(format string, args ...any) {
	stack := string(debug.Stack())
	if strings.Contains(stack, "state.openLogging") || strings.Contains(stack, "state.(*Store).apply") {
		quiet{}.Fatalf(format, args...)
	}
	j.die()
}

// die is the end of the process.
func (j *faultyJob) die() {
	j.dying.Do(func() { close(j.died) })
	select {}
}

// endsTheProcess reports whether Pebble panics when the file operation under way
// fails, in a way that cannot be recovered from: when it ends a log and begins
// another, and when it points to a new list of files in its background work.
func (j *faultyJob) endsTheProcess() bool {
	stack := string(debug.Stack())
	if strings.Contains(stack, "(*Marker).Move") {
		return !strings.Contains(stack, "state.openLogging")
	}
	return strings.Contains(stack, "rotateWAL") || j.rotating.Load() && strings.Contains(stack, "record.(*LogWriter)")
}

// run commits epochs, with tables written to disk in between and a restart in
// the middle, until something fails.
func (j *faultyJob) run() (err error) {
	for j.confirmed.Load() < faultEpochs {
		if err := j.runHalf(); err != nil {
			return err
		}
	}
	return nil
}

func (j *faultyJob) runHalf() (err error) {
	s, err := openLogging("state", j.files, j)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for range faultEpochs / 2 {
		e := j.confirmed.Load() + 1
		j.tried.Store(e)
		if err := commitNumbered(s, int(e)); err != nil {
			if again := commitNumbered(s, int(e)); again == nil {
				return fmt.Errorf("a commit after a failed one (%w) was taken", err)
			}
			return err
		}
		j.confirmed.Store(e)
		if err := s.Trim(engine.Epoch(e - 1)); err != nil {
			return err
		}
		j.rotating.Store(true)
		flushed, err := s.db.AsyncFlush()
		j.rotating.Store(false)
		if err != nil {
			return err
		}
		select {
		case <-flushed:
		case <-j.died:
			select {}
		}
	}
	return nil
}

// commitNumbered commits an epoch that has its number in everything.
func commitNumbered(s *Store, e int) error {
	c := NewChanges(1)
	for k := range faultKeys {
		c.Put(engine.KeyGroup(k), []byte("k"), binary.BigEndian.AppendUint64(nil, uint64(e)))
	}
	return s.Commit(recordOf(engine.Epoch(e)), []*Changes{c}, []Output{{outputOf("x", int64(e))}})
}

// epochOf reads all of a store that commitNumbered wrote, and gives its epoch.
// errMixed is a wrong answer; other errors say that it cannot be read.
func epochOf(files vfs.FS) (epoch int, err error) {
	s, err := open("state", files)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	newest, err := s.Newest()
	if newest != nil {
		epoch = int(newest.Epoch)
	}
	if err != nil {
		return 0, err
	}
	keys := 0
	err = s.Load(1).Each(engine.WorkerOf(0, 1), func(_ engine.KeyGroup, _, val []byte) error {
		keys++
		if e := int(binary.BigEndian.Uint64(val)); e != epoch {
			return fmt.Errorf("%w: state of epoch %d in epoch %d", errMixed, e, epoch)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if want := min(epoch, 1) * faultKeys; keys != want {
		return 0, fmt.Errorf("%w: %d keys, want %d", errMixed, keys, want)
	}
	output, err := s.Outbox(engine.Epoch(epoch), 0, outputTypes)
	if err == nil && len(output) != min(epoch, 1) {
		err = fmt.Errorf("%w: epoch %d has %d outputs", errMixed, epoch, len(output))
	}
	return epoch, err
}

var errMixed = errors.New("wrong answer")

// outOfOrder recognizes what Pebble's file system in memory may leave and a
// journaled directory does not: of two new names the later one alone, here the
// one that points to the list of files. It is told as damage.
func outOfOrder(err error) bool {
	return problem.Is(err, problem.Corrupt) && strings.Contains(err.Error(), "could not open manifest file")
}

// TestErrorAtEveryFileOperation lets each operation of the store's files fail
// once. Then the store is opened again, and as it is after a power loss: it is
// as of the newest epoch whose Commit returned nil, or the one that was tried.
func TestErrorAtEveryFileOperation(t *testing.T) {
	failed, deaths := 0, 0
	for position := int32(1); ; position++ {
		disk := vfs.NewCrashableMem()
		var operations atomic.Int32
		j := &faultyJob{died: make(chan struct{})}
		j.files = errorfs.Wrap(disk, errorfs.InjectorFunc(func(errorfs.Op) error {
			if operations.Add(1) != position {
				return nil
			}
			if j.endsTheProcess() {
				j.die()
			}
			return errorfs.ErrInjected
		}))
		ended := make(chan error, 1)
		go func() { ended <- j.run() }()
		var err error
		dead := false
		select {
		case err = <-ended:
		case <-j.died:
			dead = true
			deaths++
		}
		if err != nil && !errors.Is(err, errorfs.ErrInjected) {
			t.Errorf("operation %d: %v", position, err)
		}
		if err != nil || dead {
			failed++
		}
		// A job whose process is at its end may go on a moment, as a real one does.
		confirmed := int(j.confirmed.Load())
		left := map[string]vfs.FS{
			"power loss": disk.CrashClone(vfs.CrashCloneCfg{}),
			"torn":       disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(position), 1))}),
			"killed":     disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(uint64(position), 2))}),
		}
		tried := int(j.tried.Load())
		if !dead {
			left["opened again"] = disk
		}
		for how, files := range left {
			epoch, err := epochOf(files)
			if how == "torn" && outOfOrder(err) {
				continue
			}
			if err != nil || epoch < confirmed || epoch > tried {
				t.Errorf("operation %d, %s: epoch %d, %v; confirmed %d, tried %d", position, how, epoch, err, confirmed, tried)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
		if operations.Load() < position {
			t.Logf("%d operations, %d made the job fail, %d ended the process", position-1, failed, deaths)
			if position < 250 || failed < 100 {
				t.Errorf("only %d operations, %d failures", position, failed)
			}
			return
		}
	}
}

// TestCrashAtEveryFileOperation takes the power away before each operation.
func TestCrashAtEveryFileOperation(t *testing.T) {
	type moment struct {
		left             []vfs.FS
		confirmed, tried int
	}
	var (
		mu      sync.Mutex
		moments []moment
	)
	disk := vfs.NewCrashableMem()
	j := &faultyJob{died: make(chan struct{})}
	j.files = errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		// What is told after this line may be on the disk or not; not what was before.
		m := moment{confirmed: int(j.confirmed.Load())}
		seed := uint64(len(moments))
		for _, percent := range []int{0, 30, 70, 100} {
			m.left = append(m.left, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, uint64(percent)))}))
		}
		m.tried = int(j.tried.Load())
		moments = append(moments, m)
		return nil
	}))
	if err := j.run(); err != nil {
		t.Fatal(err)
	}
	for i, m := range moments {
		for _, files := range m.left {
			epoch, err := epochOf(files)
			if outOfOrder(err) {
				continue
			}
			if err != nil || epoch < m.confirmed || epoch > m.tried {
				t.Fatalf("before operation %d: epoch %d, %v; confirmed %d, tried %d", i, epoch, err, m.confirmed, m.tried)
			}
		}
	}
	t.Logf("%d operations", len(moments))
	if len(moments) < 100 {
		t.Errorf("only %d operations", len(moments))
	}
}

// TestFlippedBitsOfTheStore inverts bits all over the store's files. The store
// says that it is damaged, or is as it was; only where its log was hit it may be
// as of an earlier epoch, all of it, which its owner finds out by the sink's.
func TestFlippedBitsOfTheStore(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := &faultyJob{files: disk, died: make(chan struct{})}
	if err := j.run(); err != nil {
		t.Fatal(err)
	}
	// The last epoch is in the log alone.
	s, err := open("state", disk)
	if err != nil {
		t.Fatal(err)
	}
	const newest = faultEpochs + 1
	if err := commitNumbered(s, newest); err != nil {
		t.Fatal(err)
	}
	whole := func() *vfs.MemFS { return disk.CrashClone(vfs.CrashCloneCfg{}) }
	names, err := whole().List("state")
	if err != nil {
		t.Fatal(err)
	}
	told, earlier, same := 0, 0, 0
	for _, name := range names {
		info, err := whole().Stat("state/" + name)
		if err != nil || info.IsDir() {
			t.Fatal(name, err)
		}
		for at := int64(0); at < info.Size(); at += 1 + info.Size()/150 {
			files := whole()
			flip(t, files, "state/"+name, at, 1<<(at%8))
			epoch, err := epochOf(files)
			switch {
			case problem.Is(err, problem.Corrupt) && !errors.Is(err, errMixed):
				told++
			case err != nil:
				t.Errorf("%s, byte %d: %v", name, at, err)
			case epoch == newest:
				same++
			case strings.HasSuffix(name, ".log") && epoch == newest-1:
				earlier++
			default:
				t.Errorf("%s, byte %d: epoch %d, want %d", name, at, epoch, newest)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files: %d flips were told, %d changed nothing, %d took the last epoch away", len(names), told, same, earlier)
	if told < 100 {
		t.Errorf("only %d flips were told", told)
	}
}

func flip(t *testing.T, files vfs.FS, name string, at int64, bits byte) {
	t.Helper()
	f, err := files.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	if _, err := f.ReadAt(one[:], at); err != nil {
		t.Fatal(err)
	}
	one[0] ^= bits
	if _, err := f.WriteAt(one[:], at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
