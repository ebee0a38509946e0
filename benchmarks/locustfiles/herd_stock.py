"""The stock way to make a herd: 500 users at spawn rate 500, each of which logs in once."""

import os

import gevent
from locust import FastHttpUser, HttpUser, task


class Login(FastHttpUser if os.environ["STOCK"] == "fast" else HttpUser):
    @task
    def login(self):
        self.client.post("/auth/login", json={"username": "user1", "password": "x"})
        gevent.sleep(3600)
