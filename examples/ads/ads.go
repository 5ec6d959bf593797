// Package ads is the built-in demo: a project that turns ad impressions and
// clicks into click-through rates, and traffic for it.
//
// It is not a benchmark (see tidemark bench) and holds no logic of the product.
//
// Flow: Project gives the files of the project → a Traffic is drawn until now,
// again and again, and what it gives is posted to the two ODS tables.
//
// Invariants:
//  1. The same seed and the same start give the same events in the same order.
//  2. What is drawn until t has arrived at or before t: some of it happened
//     much earlier, because devices deliver late.
package ads

import "embed"

// Project holds the demo's project folder under "project".
//
//go:embed project
var Project embed.FS
