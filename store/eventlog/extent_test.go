package eventlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
)

func TestExtent(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	_, topic := fiveSegments(t, fsys, c)
	whole := topic.Extent()
	if whole.Events != 50 || whole.Gone != 0 || whole.Bytes < 50*250 || c.now.Sub(whole.Oldest) < 39*time.Hour {
		t.Errorf("%+v", whole)
	}
	if err := topic.Hold(0, "job", 30); err != nil {
		t.Fatal(err)
	}
	holds, err := topic.Holds(0)
	if diff := cmp.Diff(map[string]Offset{"job": 30}, holds); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	trim(t, topic, Retention{Age: time.Hour})
	rest := topic.Extent()
	if rest.Gone == 0 || rest.Gone > 30 || rest.Gone+rest.Events != 50 || rest.Bytes >= whole.Bytes || !rest.Oldest.After(whole.Oldest) {
		t.Errorf("after retention: %+v", rest)
	}
	if empty := create(t, topic.log, "empty", 2).Extent(); empty != (Extent{}) {
		t.Errorf("an empty topic: %+v", empty)
	}
}
