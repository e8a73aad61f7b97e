-- What wrk sends: requests at random out of a file that benchmarks/wrk.py has written, with a customer's token each.

function init(args)
   dofile(args[1]) -- method, paths, bodies, tokens, headers, keys, seed
   math.randomseed(seed)
   sent = 0
end

function request()
   local request = math.random(#paths)
   if #tokens > 0 then headers["Authorization"] = tokens[math.random(#tokens)] end
   if keys then
      sent = sent + 1
      headers["Idempotency-Key"] = keys .. sent
   end
   return wrk.format(method, paths[request], headers, bodies[request])
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "microseconds": %d, "p50": %d, "p95": %d, "p99": %d, "status": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
