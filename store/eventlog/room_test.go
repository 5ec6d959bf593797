package eventlog

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// nearlyFull is a disk whose room a test sets.
type nearlyFull struct {
	vfs.FS
	total, free atomic.Int64
	asked       atomic.Int64
}

func (d *nearlyFull) Usage(string) (vfs.Usage, error) {
	d.asked.Add(1)
	return vfs.Usage{Total: d.total.Load(), Free: d.free.Load()}, nil
}

// TestRoomIsKept: before the disk is full, events are refused, all else goes on,
// and so do events once there is room again. What the log has reserved counts as
// its own.
func TestRoomIsKept(t *testing.T) {
	disk := &nearlyFull{FS: vfs.NewMem()}
	disk.total.Store(100 << 30)
	disk.free.Store(50 << 30)
	topic := create(t, open(t, disk, Options{}), "clicks", 1)
	add := func() error {
		_, err := topic.Append(context.Background(), 0, events("", strings.Repeat("x", 10_000)))
		return err
	}
	for range 20 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	disk.free.Store(keptFreeBytes)
	accepted := 0
	var err error
	for ; err == nil && accepted < 100; accepted++ {
		err = add()
	}
	p := problem.Of(err)
	if p.Code != problem.DiskFull || p.Retry != problem.Later || !strings.Contains(p.Message, "nearly full") || !strings.Contains(p.Hint, testDir) {
		t.Fatalf("after %d more appends: %v", accepted, err)
	}
	if reserved := topic.partitions[0].writer.reserved; accepted == 0 || int64(accepted)*10_000 > reserved {
		t.Errorf("%d appends without room, of %d reserved bytes", accepted, reserved)
	}
	next, _ := topic.HighWater(0)
	if err := topic.Hold(0, "job", next); err != nil {
		t.Errorf("a hold: %v", err)
	}
	trim(t, topic, Retention{Bytes: 1})
	if err := add(); !problem.Is(err, problem.DiskFull) {
		t.Fatalf("got %v", err)
	}
	disk.free.Store(keptFreeBytes + 4<<20)
	for range 50 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	got, damaged := read(t, topic, 0, 0)
	if want := int(next) + 50; len(got) != want || damaged != nil {
		t.Errorf("%d records, want %d, damaged %v", len(got), want, damaged)
	}

	// A small disk keeps a part of what it has.
	disk.total.Store(10 << 20)
	disk.free.Store(1 << 20)
	asked := disk.asked.Load()
	for range 200 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	if asked == disk.asked.Load() {
		t.Error("nobody asked for the room of the small disk")
	}
	disk.free.Store(100 << 10)
	for range 100 {
		if err = add(); err != nil {
			break
		}
	}
	if !problem.Is(err, problem.DiskFull) {
		t.Errorf("with 1 %% of a small disk free: %v", err)
	}
}

// TestNothingIsSealedWithoutRoom: the sealed file stands beside the plain one for
// a while.
func TestNothingIsSealedWithoutRoom(t *testing.T) {
	disk, c := &nearlyFull{FS: vfs.NewMem()}, newClock()
	disk.total.Store(100 << 30)
	disk.free.Store(50 << 30)
	l, topic, want := sealable(t, disk, c)
	disk.free.Store(keptFreeBytes)
	if err := l.Maintain(t.Context()); err == nil {
		t.Error("sealed without room")
	}
	if sealed, _ := sealedPaths(t, disk, topic); len(sealed) > 0 {
		t.Errorf("%v", sealed)
	}
	disk.free.Store(50 << 30)
	maintain(t, l)
	if sealed, _ := sealedPaths(t, disk, topic); len(sealed) != 3 {
		t.Errorf("%v", sealed)
	}
	if got, _ := read(t, topic, 0, 0); len(got) != len(want) {
		t.Errorf("%d of %d records", len(got), len(want))
	}
}
