-- The highest bids of every 10 s.

SELECT bi.auction, bi.price, bi.bidder, bi.`dateTime`, bi.extra
FROM bids AS bi
JOIN (
  SELECT window_end, MAX(price) AS top_price
  FROM TABLE(
    TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end
) AS best
  ON bi.price = best.top_price
 AND bi.`dateTime` BETWEEN best.window_end - INTERVAL '10' SECOND AND best.window_end;
