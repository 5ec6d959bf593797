-- People who registered and opened an auction within the same 10 s.

SELECT pe.id, pe.`name`, pe.window_start
FROM (
  SELECT id, `name`, window_start, window_end
  FROM TABLE(
    TUMBLE(TABLE people, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY id, `name`, window_start, window_end
) AS pe
JOIN (
  SELECT seller, window_start, window_end
  FROM TABLE(
    TUMBLE(TABLE auctions, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY seller, window_start, window_end
) AS se
  ON pe.id = se.seller
 AND pe.window_start = se.window_start
 AND pe.window_end = se.window_end;
