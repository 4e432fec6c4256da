"""`bench validate-metrics`: does every metric measure what it says, on people that nothing was fitted on?

`footage` says whose frames, `distortions` what is done to them, `scoring` scores them; `identity`, `synchrony`,
`readers`, `ladder`, `halves`, `temporal` and `floors` turn scores into findings and `checks`; `work` runs all that in
parallel; `page`, `figures` and `pictures` write the report.
"""
