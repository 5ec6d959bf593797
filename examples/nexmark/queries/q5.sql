-- The auctions with most bids in the last 10 s, every 2 s.

CREATE TEMPORARY VIEW bid_counts AS
SELECT auction, window_start, window_end, COUNT(*) AS num
FROM TABLE(
  HOP(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end;

SELECT cnt.auction, cnt.num
FROM bid_counts AS cnt
JOIN (
  SELECT window_start, window_end, MAX(num) AS top_num
  FROM bid_counts
  GROUP BY window_start, window_end
) AS best
  ON cnt.window_start = best.window_start
 AND cnt.window_end = best.window_end
 AND cnt.num >= best.top_num;
