package kafka

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestOffsetsByPlaceAndTime(t *testing.T) {
	s := newStand(t, nil)
	c := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	before := time.Now().UnixMilli()
	sent := produce(t, c, record("clicks", 1, "", `{"id":1}`), record("clicks", 1, "", `{"id":2}`))
	admin := kadm.NewClient(s.client())
	at := func(listed kadm.ListedOffsets, err error) string {
		t.Helper()
		if err = errors.Join(err, listed.Error()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(listed["clicks"][0].Offset, " ", listed["clicks"][1].Offset)
	}
	got := map[string]string{
		"start":        at(admin.ListStartOffsets(t.Context(), "clicks")),
		"end":          at(admin.ListEndOffsets(t.Context(), "clicks")),
		"committed":    at(admin.ListCommittedOffsets(t.Context(), "clicks")),
		"before":       at(admin.ListOffsetsAfterMilli(t.Context(), before, "clicks")),
		"when it came": at(admin.ListOffsetsAfterMilli(t.Context(), sent[0].Timestamp.UnixMilli(), "clicks")),
		"later":        at(admin.ListOffsetsAfterMilli(t.Context(), before+time.Hour.Milliseconds(), "clicks")),
		"newest":       at(admin.ListMaxTimestampOffsets(t.Context(), "clicks")),
	}
	want := map[string]string{"start": "0 0", "end": "0 2", "committed": "0 2", "before": "0 0", "when it came": "0 0", "later": "0 2", "newest": "0 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if listed, err := admin.ListEndOffsets(t.Context(), "unheard-of"); err == nil && listed.Error() == nil {
		t.Errorf("%+v", listed)
	}
}

// Topics are made and dropped by SQL, and clients are told so.
func TestTopicsAreTables(t *testing.T) {
	s := newStand(t, nil)
	admin := kadm.NewClient(s.client())
	if r, err := admin.CreateTopic(t.Context(), 2, 1, nil, "fresh"); !errors.Is(err, kerr.PolicyViolation) || r.ErrMessage != "topics are tables here: CREATE TABLE `fresh` (…) WITH ('partitions' = '2') makes one" {
		t.Errorf("%v: %s", err, r.ErrMessage)
	}
	if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, "clicks"); !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Errorf("%v", err)
	}
	if _, err := admin.DeleteTopic(t.Context(), "clicks"); !errors.Is(err, kerr.TopicDeletionDisabled) {
		t.Errorf("%v", err)
	}
	topics, err := admin.ListTopics(t.Context())
	if err != nil || len(topics) != 3 || len(topics["clicks"].Partitions) != 2 {
		t.Errorf("%v: %v", err, topics)
	}
	configs, err := admin.DescribeTopicConfigs(t.Context(), "clicks", "unheard-of")
	if err != nil || len(configs) != 2 || configs[0].Err != nil || configs[1].Err == nil {
		t.Fatalf("%v: %+v", err, configs)
	}
	settings := map[string]string{}
	for _, c := range configs[0].Configs {
		settings[c.Key] = c.MaybeValue()
	}
	if settings["message.timestamp.type"] != "LogAppendTime" {
		t.Errorf("%v", settings)
	}
	if cluster, err := admin.BrokerMetadata(t.Context()); err != nil || cluster.Cluster != clusterID || len(cluster.Brokers) != 1 {
		t.Errorf("%v: %+v", err, cluster)
	}
}
