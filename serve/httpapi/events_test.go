package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tidemark/base/vfs"
	"tidemark/connect/native"
	"tidemark/store/eventlog"
)

// TestEventsForAFullDisk: the answer says that they can be sent again, and when;
// they are accepted once there is room.
func TestEventsForAFullDisk(t *testing.T) {
	disk := vfs.NewFaulty(vfs.NewMem(), "")
	log, err := eventlog.Open(disk, "full", eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // it is in memory
	topic, err := log.CreateTopic("clicks", 1)
	if err != nil {
		t.Fatal(err)
	}
	intake := native.NewIntake(topic, nil, clickColumns)
	w := newWorld(t, func(c *Config) {
		c.Intake = func(string) (*native.Intake, bool) { return intake, true }
	})
	post := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/events/clicks", strings.NewReader(`{"id":1}`))
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, r)
		return answer
	}
	disk.SetScript("change *.seg enospc")
	answer := post()
	if answer.Code != http.StatusInsufficientStorage || answer.Header().Get("Retry-After") == "" || !strings.Contains(answer.Body.String(), `"disk_full"`) {
		t.Errorf("%d, %v: %s", answer.Code, answer.Header(), answer.Body)
	}
	disk.SetScript("")
	if answer := post(); answer.Code != http.StatusOK {
		t.Errorf("with room again: %d: %s", answer.Code, answer.Body)
	}
}
