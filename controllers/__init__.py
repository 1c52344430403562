from . import dispatcher, events, inbound
