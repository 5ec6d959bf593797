// Package nexmark is the Nexmark workload: people, auctions and bids as JSON
// events, the published queries as SQL, and the exact answers.
//
// It measures nothing (see tidemark bench) and is not the original program: the
// distributions are those that were published, with their quirks, as published
// numbers were measured with them; the names in the rows are our own, there is
// one timeline, and the same seed gives the same bytes.
//
// Flow: New prepares the tables of a seed → AppendEvents writes any range of
// events → Answer computes what a query must give for the first n of them.
//
// Invariants:
//  1. Event n of a seed is the same bytes whoever writes it and from wherever
//     the writing starts.
//  2. Event times never fall, so that no event is ever late.
package nexmark

import (
	"math"
	"strconv"
	"time"

	"tidemark/examples/draw"
)

// Shape of the published workload.
const (
	// EventRate is how many events happen in a second of event time.
	EventRate = 10_000

	epochEvents    = 50 // 1 person, 3 auctions, 46 bids, in that order
	epochPeople    = 1
	epochAuctions  = 3
	firstPerson    = 1000
	firstAuction   = 1000
	firstBidder    = 2000 // the published generator adds the first person's id to a bidder twice
	firstCategory  = 10
	categories     = 5
	activePeople   = 1000
	openAuctions   = 100
	lead           = 10  // ids that may be named before they appear
	hotSpan        = 100 // one hot id per this many ids
	hotSellers     = 4   // 3 of 4 auctions are by the hot seller
	hotBidders     = 4   // 3 of 4 bids are by the hot bidder
	hotAuctions    = 2   // 1 of 2 bids is on the hot auction
	hotChannels    = 2   // 1 of 2 bids comes over a hot channel
	channels       = 10_000
	personBytes    = 200
	auctionBytes   = 500
	bidBytes       = 100
	drawsPerEvent  = 64 // the most expensive event, an auction with the longest texts, takes 50
	lineBytesAbout = 340
)

// Salts keep the sequences that one seed starts apart.
const (
	saltEvents   = 0x6E65786D61726B31
	saltChannels = 0x6368616E6E656C73
	saltFiller   = 0x66696C6C65722D31
)

// Start is the time of the first event.
var Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	firstNames     = []string{"Alice", "Bruno", "Chloe", "David", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jonas", "Karin"}
	lastNames      = []string{"Archer", "Becker", "Carter", "Dalton", "Ellis", "Fischer", "Garner", "Hobbs", "Irving"}
	cities         = []string{"Tucson", "Oakland", "San Diego", "Nampa", "Salem", "Eugene", "Tacoma", "Spokane", "Everett", "Laramie"}
	states         = []string{"AZ", "CA", "ID", "OR", "WA", "WY"}
	hotChannelName = []string{"Google", "Facebook", "Baidu", "Apple"}
)

// Workload is a stream of events. It is safe for concurrent use.
type Workload struct {
	seed     uint64
	price    [4][512]float64
	channels []channel // the ordinary ones, then the hot ones
	filler   filler
}

type channel struct{ name, url string }

// New prepares the stream of a seed.
func New(seed uint64) *Workload {
	w := &Workload{seed: draw.Mix(seed ^ saltEvents)}
	// price[i][k] = 10^(6 k / 512^(i+1)), of square roots and products alone,
	// which IEEE 754 rounds exactly: prices do not depend on the machine.
	root := 1e6
	for i := range w.price {
		var bit [9]float64
		for b := 8; b >= 0; b-- {
			root = math.Sqrt(root)
			bit[b] = root
		}
		for k := range w.price[i] {
			product := 1.0
			for b := range bit {
				if k>>b&1 == 1 {
					product *= bit[b]
				}
			}
			w.price[i][k] = product
		}
	}
	r := draw.From(draw.Mix(w.seed ^ saltChannels))
	for i := range channels + len(hotChannelName) {
		c, id := channel{name: "channel-" + strconv.Itoa(i)}, ""
		if i >= channels {
			c.name = hotChannelName[i-channels]
		} else if r.Below(10) > 0 {
			id = "&channel_id=" + strconv.Itoa(int(channelID(int32(i))))
		}
		c.url = "https://www.nexmark.com/"
		for range 3 {
			c.url += string(appendWord(nil, &r, 5, '_')) + "/"
		}
		c.url += "item.htm?query=1" + id
		w.channels = append(w.channels, c)
	}
	w.filler = newFiller(draw.From(draw.Mix(w.seed ^ saltFiller)))
	return w
}

// channelID is the channel's number with its bits reversed, made positive in 32
// bits, so that channel 1 keeps its sign.
func channelID(i int32) int32 {
	var reversed uint32
	for b := range 32 {
		reversed |= uint32(i) >> b & 1 << (31 - b)
	}
	if s := int32(reversed); s < 0 {
		return -s
	}
	return int32(reversed)
}

// EventBytes is how many bytes n events take, about.
func EventBytes(n int64) int { return int(n+1) * lineBytesAbout }

// at is when event n happens, Unix ms.
func at(n int64) int64 { return Start.UnixMilli() + n*1000/EventRate }

// newestPerson is the number of the newest person when event n is made.
func newestPerson(n int64) int64 { return n / epochEvents }

// newestAuction is the number of the newest auction when event n is made.
func newestAuction(n int64) int64 {
	epoch, place := n/epochEvents, n%epochEvents
	return epoch*epochAuctions - 1 + min(max(place-epochPeople+1, 0), epochAuctions)
}

// anyPerson draws one of the active people or one of the next few.
func anyPerson(r *draw.Sequence, n int64) int64 {
	known := newestPerson(n) + 1
	active := min(known, activePeople)
	return known - active + r.Below64(active+lead)
}

// drawPrice draws 100 * 10^(6u), rounded, u uniform in [0, 1).
func (w *Workload) drawPrice(r *draw.Sequence) int64 {
	u := r.Next() >> 28
	p := w.price[0][u>>27] * w.price[1][u>>18&511] * w.price[2][u>>9&511] * w.price[3][u&511]
	return int64(float64(p*100) + 0.5)
}
