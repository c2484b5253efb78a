#!/usr/bin/env python3
"""A monitoring script as people write them for sFlow-RT: groups, a flow, a threshold, events by long poll, large flows,
metrics, and everything removed again. Only the standard library; nothing in it is written for flow-marker.

Usage: sflow_rt_style.py http://127.0.0.1:8008 AGENT
It needs one agent that sends flow samples of 10.0.0.0/8 and counters, and prints what it found as one JSON object.
"""

import json
import sys
import time
import urllib.error
import urllib.request

rt, agent = sys.argv[1], sys.argv[2]
found = {}


def get(path):
    with urllib.request.urlopen(rt + path, timeout=90) as response:
        return json.load(response)


def put(path, text):
    # No content type of ours: urllib calls it a form.
    request = urllib.request.Request(rt + path, data=text.encode(), method='PUT')
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


def delete(path):
    request = urllib.request.Request(rt + path, method='DELETE')
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


with urllib.request.urlopen(rt + '/version', timeout=10) as response:
    found['version'] = response.read().decode().strip()

# Where traffic comes from and goes to.
put('/group/lf/json', "{external:['0.0.0.0/0','::/0'], internal:['10.0.0.0/8']}")
found['group'] = get('/group/lf/json')

# Large flows, in relaxed JSON as in many examples.
flow = "{keys:'ipsource,ipdestination,group:ipsource:lf', value:'bytes', filter:'ipprotocol=6', n:10, t:1, log:true, activeTimeout:2}"
put('/flow/pair/json', flow)
found['flow'] = get('/flow/pair/json')
put('/threshold/elephant/json', json.dumps({'metric': 'pair', 'value': 1000, 'byFlow': True, 'timeout': 1}))
found['threshold'] = get('/threshold/elephant/json')

# Events: the newest first, so that the first one tells what has been seen.
event_id, events, deadline = -1, [], time.time() + 60
while not events and time.time() < deadline:
    news = get('/events/json?thresholdID=elephant&maxEvents=10&timeout=5&eventID=' + str(event_id))
    if news:
        event_id = news[0]['eventID']
        news.reverse()
        events += news
found['events'] = events
for event in events:
    source, destination, group = event['flowKey'].split(',')
    found['pair'] = [source, destination, group]
    value = get('/flowvalue/%s/%s.pair/json?key=%s' % (event['agent'], event['dataSource'], event['flowKey']))
    found['flowvalue'] = value

found['active'] = get('/activeflows/ALL/pair/json?maxFlows=5&minValue=1&aggMode=max')
found['active_sum'] = get('/activeflows/%s/pair/json?aggMode=sum' % agent)
found['flowkeys'] = sorted(get('/flowkeys/json'))

# Completed flows.
flow_id, flows, deadline = -1, [], time.time() + 60
while not flows and time.time() < deadline:
    news = get('/flows/json?name=pair&maxFlows=10&timeout=5&flowID=' + str(flow_id))
    if news:
        flow_id = news[0]['flowID']
        flows += reversed(news)
found['flows'] = flows

# Metrics.
found['agents'] = get('/agents/json')
found['metrics'] = sorted(get('/metrics/json'))
found['metric'] = get('/metric/%s/json' % agent)
found['statistics'] = get('/metric/ALL/max:ifinoctets,min:ifinoctets,pair,nosuchmetric/json')
found['table'] = get('/table/ALL/ifname,sort:ifinoctets:-5/json')
found['dump'] = get('/dump/ALL/ifinoctets;ifspeed/json')

found['removed'] = [delete(path) for path in ('/threshold/elephant/json', '/flow/pair/json', '/group/lf/json')]
try:
    get('/flow/pair/json')
except urllib.error.HTTPError as error:
    found['after'] = error.code
json.dump(found, sys.stdout, indent=1)
