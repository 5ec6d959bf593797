package main

import (
	"fmt"
	"strings"
	"testing"
)

// joined are tables whose jobs keep much: a join within an interval under
// windows, the first rows of a ranking, sums over the rows before, matches, and
// rows that change though nothing but the whole row tells them apart.
const joined = `
CREATE TABLE impressions (id BIGINT, campaign STRING, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts);
CREATE TABLE clicks (impression BIGINT, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts);
CREATE VIEW clicked AS
  SELECT i.campaign, c.ts FROM impressions AS i JOIN clicks AS c ON i.id = c.impression AND c.ts BETWEEN i.ts AND i.ts + INTERVAL '10' SECOND;
CREATE MATERIALIZED TABLE minutes FRESHNESS = INTERVAL '1' SECOND AS
  SELECT window_start, window_end, campaign, COUNT(*) AS n
  FROM TABLE(TUMBLE(TABLE clicked, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, campaign;
CREATE MATERIALIZED TABLE best FRESHNESS = INTERVAL '1' SECOND AS
  SELECT campaign, n FROM (
    SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC, campaign) AS place FROM (SELECT campaign, COUNT(*) AS n FROM impressions GROUP BY campaign)
  ) WHERE place <= 2;
CREATE MATERIALIZED TABLE counted FRESHNESS = INTERVAL '1' SECOND AS
  SELECT id, COUNT(*) OVER (PARTITION BY campaign ORDER BY ts) AS n FROM impressions;
CREATE MATERIALIZED TABLE rolled FRESHNESS = INTERVAL '1' SECOND AS
  SELECT campaign, COUNT(*) AS n FROM impressions GROUP BY ROLLUP (campaign);
CREATE MATERIALIZED TABLE unclicked FRESHNESS = INTERVAL '1' SECOND AS
  SELECT i.campaign FROM impressions AS i LEFT JOIN clicks AS c ON i.id = c.impression WHERE c.ts IS NULL;
CREATE MATERIALIZED TABLE changed FRESHNESS = INTERVAL '1' SECOND AS
  SELECT * FROM impressions MATCH_RECOGNIZE (
    ORDER BY ts MEASURES A.id AS before, B.id AS id AFTER MATCH SKIP TO LAST B PATTERN (A B) DEFINE B AS B.campaign <> A.campaign)`

// impressionsFrom is an impression every 15 seconds, of a campaign for every
// three of them in turn, and a click on each second one 5 seconds later.
func impressionsFrom(from, to int) (impressions, clicks string) {
	var i, c strings.Builder
	for id := from; id < to; id++ {
		at := func(plus int) string {
			second := id*15 + plus
			return fmt.Sprintf("2026-01-01T12:%02d:%02dZ", second/60, second%60)
		}
		fmt.Fprintf(&i, `{"id": %d, "campaign": "c%d", "ts": %q}`+"\n", id, id/3%3, at(0))
		if id%2 == 0 {
			fmt.Fprintf(&c, `{"impression": %d, "ts": %q}`+"\n", id, at(5))
		}
	}
	return i.String(), c.String()
}

// TestRunKeepsJoinsRanksAndMatches kills the server in the middle of everything
// that such jobs remember: the tables are then those of all events.
func TestRunKeepsJoinsRanksAndMatches(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define(joined)
	// The batches end inside of a minute, between an impression and its click,
	// and inside of a run of one campaign.
	for _, upTo := range [][2]int{{0, 5}, {5, 11}, {11, 23}} {
		impressions, clicks := impressionsFrom(upTo[0], upTo[1])
		c.call(200, "POST", "/api/v1/events/impressions?wait=applied", impressions)
		c.kill()
		c = start(t, data)
		c.call(200, "POST", "/api/v1/events/clicks?wait=applied", clicks)
	}
	c.settles("SELECT campaign, n FROM best ORDER BY n DESC, campaign", [][]string{{"c0", "9"}, {"c1", "8"}})
	// A campaign's clicks by the minute; the last minute has not ended yet.
	c.settles("SELECT MINUTE(window_start) AS m, campaign, n FROM minutes ORDER BY m, campaign", [][]string{
		{"0", "c0", "2"}, {"1", "c1", "1"}, {"1", "c2", "1"}, {"2", "c0", "1"}, {"2", "c2", "1"}, {"3", "c1", "2"},
		{"4", "c0", "1"}, {"4", "c2", "1"}, {"5", "c0", "1"}, {"5", "c1", "1"},
	})
	c.settles("SELECT MAX(id) AS id, COUNT(*) AS n, MAX(n) AS most FROM counted", [][]string{{"22", "23", "9"}})
	c.settles("SELECT * FROM rolled ORDER BY n, campaign", [][]string{{"c2", "6"}, {"c1", "8"}, {"c0", "9"}, {"<nil>", "23"}})
	c.settles("SELECT campaign, COUNT(*) AS n FROM unclicked GROUP BY campaign ORDER BY campaign", [][]string{{"c0", "4"}, {"c1", "4"}, {"c2", "3"}})
	c.settles("SELECT before, id FROM changed ORDER BY id", [][]string{{"2", "3"}, {"5", "6"}, {"8", "9"}, {"11", "12"}, {"14", "15"}, {"17", "18"}, {"20", "21"}})
	// The newest impression is of 12:05:30, and its click may come up to 10 seconds
	// later: pairs from 12:05:20 on may still be found.
	c.settles("SELECT MAX(window_end) AS newest, MAX(final_until) AS line FROM `minutes$progress` WHERE state = 'final'", [][]string{
		{"2026-01-01T12:05:00Z", "2026-01-01T12:05:20Z"},
	})
	c.interrupt()
}
